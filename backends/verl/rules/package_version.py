"""A version of a package that the release does not work with.

Each wheel of verl says which versions it needs, and which ones its engines were built for.

Why: pip cannot install the two together, or an import fails when the engine starts.
Source: Requires-Dist of each wheel. sglang up to 0.5.5 lacks ContinueGenerationReqInput, which
workers/rollout/sglang_rollout/async_sglang_server.py imports in 0.7.1, 0.8.0 and 0.9.1 (both looked up in the wheels).
kernels 0.17 with transformers 5.9.0 was seen to fail at import, 0.15.2 with 5.6.0 is
reported to
Bad:
    --- requirements.txt
    verl[sglang]==0.9.1
    transformers==4.57.1
Good:
    --- requirements.txt
    verl[sglang]==0.9.1
    transformers==5.9.0
Bad:
    --- pip-freeze.txt
    verl==0.9.1
    TransferQueue==0.1.11
    sglang==0.4.9.post6
    cachetools==6.2.0
    uvicorn==0.35.0
    fastapi==0.116.1
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.facts.environment import (
    Environment,
    Package,
    Requirement,
    admits,
    requirements,
)
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS816", "package-version", "error")

# Package → versions with which an import of verl's fails, for every release, and what is missing there.
BROKEN = {"sglang": ("<0.5.5.post1", "sglang.srt.managers.io_struct has no ContinueGenerationReqInput")}
# Package, its versions, another package and its versions: pairs that were seen to fail.
PAIRS = (
    ("kernels", ">=0.17", "transformers", "==5.9.*"),
    ("kernels", ">=0.15.2", "transformers", "==5.6.*"),
)
ENGINES = frozenset({"sglang", "vllm"})


def check(view: View) -> Iterator[Found]:
    environment = view.facts.environment()
    verl = environment.get("verl")
    if verl is not None and verl.version and verl.version != view.version:
        yield Found(
            f"{verl.span.file.rpartition('/')[2]} has verl {verl.version}, and the target is {view.version}",
            ("env:verl",),
            fix=f"--target verl=={verl.version}",
            span=verl.span,
            severity="note",
        )
        return
    engine = view.text(f"{ROLLOUT}.name")
    for required in requirements(view.release.requires):
        package = environment.get(required.name)
        if package is None or not package.version or not required.specifier:
            continue
        if not required.extra:
            yield from _plain(view, environment, required, package)
        elif required.name in ENGINES and required.extra == engine == required.name:
            yield from _engine(view, required, package)
    yield from _pairs(environment)


def _plain(view: View, environment: Environment, required: Requirement, package: Package) -> Iterator[Found]:
    if admits(required.specifier, package.version) is not False:
        return
    asked = environment.get("verl")
    refused = not environment.complete and asked is not None and asked.version == view.version
    yield Found(
        f"verl {view.version} needs {required.name}{required.specifier}, and {package.version} is listed",
        (f"env:{required.name}",),
        fix=f"{required.name}{required.specifier}",
        why="pip cannot install the two together" if refused else "the release is not made for it",
        span=package.span,
        severity=None if refused else "warning",
    )


def _engine(view: View, required: Requirement, package: Package) -> Iterator[Found]:
    broken, missing = BROKEN.get(package.name, ("", ""))
    if broken and admits(broken, package.version):
        why, severity = f"an import of verl's fails: {missing}", None
    elif admits(required.specifier, package.version) is False:
        why, severity = "the release was built and tested with another one", "warning"
    else:
        return
    yield Found(
        f"verl {view.version} is made for {required.name}{required.specifier}, and {package.version} is listed",
        (f"env:{required.name}", f"{ROLLOUT}.name"),
        fix=f"{required.name}{required.specifier}",
        why=why,
        span=package.span,
        severity=severity,  # type: ignore[arg-type]
    )


def _pairs(environment: Environment) -> Iterator[Found]:
    for name, versions, other, others in PAIRS:
        one, two = environment.get(name), environment.get(other)
        if one is None or two is None or not one.version or not two.version:
            continue
        if admits(versions, one.version) and admits(others, two.version):
            yield Found(
                f"{name} {one.version} does not go with {other} {two.version}",
                (f"env:{name}", f"env:{other}"),
                fix=f"{name}<{versions.lstrip('>=')}",
                why=f"{other} refuses it at import",
                span=one.span,
                severity="warning",
            )
