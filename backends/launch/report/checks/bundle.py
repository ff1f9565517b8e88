"""Whether the bundle is the one that was compiled, and the spec still says what it says."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from toolspec.backends.launch.report.checks.shown import count, shown, some
from toolspec.backends.launch.report.evidence import Evidence
from toolspec.backends.launch.report.finding import Finding, State, unknown
from toolspec.backends.launch.report.folder import text_of
from toolspec.backends.verl.effects import EFFECTS
from toolspec.backends.verl.emit.config_yaml import flow
from toolspec.specs.named_file import UnreadableError, open_regular, real
from toolspec.specs.problem import ProblemError

MOST_FILE = 64 << 20  # bytes of one file of a bundle, packed rows apart
MOST_WALKED = 20_000
# What runs when it stands on the import path of every worker, beside the bundle's own.
IMPORTED = (".py", ".so", ".pth")
NO_BUNDLE = "keep bundle/ in the run folder, or name it: --bundle DIR"


def bundle(seen: Evidence) -> Iterator[Finding]:
    """Bytes against the hashes of the manifest, and the manifest against its own digest and the one of run.json."""
    folder, hashes = seen.folder.bundle, seen.manifest.get("files")
    if folder is None or not isinstance(hashes, dict):
        why = "there is no bundle" if folder is None else "its manifest.json cannot be read or names no files"
        yield unknown("bundle", why, NO_BUNDLE)
        return
    edited, missing, strange = [], [], []
    for path, digest in hashes.items():
        now = _sha256(folder, str(path))
        if now is None:
            missing.append(path)
        elif now != digest:
            edited.append(path)
    for path in _importable(folder):
        if path not in hashes:
            strange.append(path)
    for files, what in ((edited, "not as compiled"), (missing, "missing or not readable")):
        if files:
            message = f"{count(len(files), 'file')} of the bundle {what}: {some(files)}"
            fix = "compile the spec again and submit it: what ran cannot be told from this bundle"
            yield Finding(
                "bundle", "error", message, "as compiled", "bundle/manifest.json", what, "bundle/", fix
            )
    if strange:
        message = f"{count(len(strange), 'module')} that no compile wrote: {some(strange)}"
        fix = "the bundle's folder stands first on the import path of every worker: take them out of it"
        yield Finding(
            "bundle",
            "warning",
            message,
            "no such file",
            "bundle/manifest.json",
            some(strange),
            "bundle/",
            fix,
        )
    told = text_of(seen.manifest.get("bundle"))
    own = _digest(hashes)
    for name, digest in (
        ("bundle/manifest.json", told),
        ("run.json", text_of(seen.folder.run.get("bundle"))),
    ):
        if digest and digest != own:
            message = f"the hashes of the manifest add up to {own[:12]}…, and {name} has {digest[:12]}…"
            fix = "the manifest was edited, or is of another bundle"
            yield Finding("bundle", "error", message, digest, name, own, "bundle/manifest.json", fix)
    if not edited and not missing:
        yield Finding("bundle", "ok", f"all {count(len(hashes), 'file')} are as compiled, {told[:12]}…")


def _digest(hashes: dict[str, object]) -> str:
    """As emit/bundle.py makes it of path → sha256."""
    lines = "".join(f"{path}\0{digest}\n" for path, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode("utf-8", "replace")).hexdigest()


def _sha256(folder: Path, path: str) -> str | None:
    """None where there is no such regular file inside the folder, or a larger one than a bundle has."""
    file = real(folder / path) if "\0" not in path else folder
    if not file.is_relative_to(real(folder)):
        return None
    digest = hashlib.sha256()
    total = 0
    try:
        with open_regular(file) as stream:
            while block := stream.read(1 << 20):
                total += len(block)
                if total > MOST_FILE:
                    return None
                digest.update(block)
    except (UnreadableError, OSError):
        return None
    return digest.hexdigest()


def _importable(folder: Path) -> Iterator[str]:
    walked = 0
    for place, folders, files in os.walk(folder, onerror=None, followlinks=False):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            walked += 1
            if walked > MOST_WALKED:
                return
            if name.endswith(IMPORTED):
                yield os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")  # noqa: PTH118


def spec(seen: Evidence) -> Iterator[Finding]:
    """The bundle against what the spec at its path would be compiled to now."""
    from toolspec.backends.verl.compile import compile_spec
    from toolspec.backends.verl.diff import compare
    from toolspec.backends.verl.side import side_of_bundle, side_of_spec

    said = text_of(seen.folder.run.get("spec"))
    if not said:
        yield unknown("spec", "the run does not say which spec it is of", "submit writes it into run.json")
        return
    if seen.folder.bundle is None or seen.release is None:
        yield unknown("spec", "there is no bundle to hold the spec against", NO_BUNDLE)
        return
    try:
        was = side_of_bundle(seen.folder.bundle, "bundle")
    except ProblemError as error:
        yield unknown("spec", f"the bundle cannot be compared: {error.problems[0].message}", NO_BUNDLE)
        return
    try:
        compiled = compile_spec(Path(said), _settings(seen), seen.release.version)
        now = side_of_spec(compiled, said)
    except ProblemError as error:
        message = f"the spec cannot be compiled now, and was when the run was submitted: {error.problems[0].message}"
        yield Finding(
            "spec", "warning", message, "compiled", "bundle/", "refused", said, "toolspec lint has the rest"
        )
        return
    try:
        found = [change for change in compare(was, now).changes if not _moved(change.a, change.b)]
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        # plan.json of a bundle that was edited may hold anything, at any path that the comparison asks for
        yield unknown(
            "spec", f"the bundle's plan.json cannot be compared: {type(error).__name__} {error}", NO_BUNDLE
        )
        return
    for change in found:
        state: State = "warning" if change.effect == "result" else "note"
        message = f"{change.key} is another in the spec now ({EFFECTS[change.effect]})"
        yield Finding(
            "spec",
            state,
            message,
            shown(change.b, change.key),
            change.from_b or said,
            shown(change.a, change.key),
            change.from_a or "bundle/",
        )
    if not found:
        yield Finding("spec", "ok", f"{said} says what the bundle was compiled from")


def _settings(seen: Evidence) -> list[str]:
    """What the run was compiled with beside the spec: its `--set`, and the values of its point of a sweep."""
    sets = seen.folder.run.get("set")
    found = [text for text in sets if isinstance(text, str)] if isinstance(sets, list) else []
    sweep = seen.folder.run.get("sweep")
    values = sweep.get("values") if isinstance(sweep, dict) else None
    said = {text.partition("=")[0] for text in found}
    if isinstance(values, dict):
        found += [f"{path}={flow(value)}" for path, value in values.items() if path not in said]
    return found


def _moved(a: object, b: object) -> bool:
    """Converted rows lie beside the bundle, in a folder that their content names: elsewhere they are the same."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_moved, a, b))
    if not (isinstance(a, str) and isinstance(b, str)):
        return False
    one, other = Path(a).parts[-3:], Path(b).parts[-3:]
    return len(one) == 3 and one == other and one[0] == "data"
