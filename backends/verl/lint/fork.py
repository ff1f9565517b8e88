"""Whether the verl that a run is for may be another than the release it is judged by, and what is left of the errors.

Two marks. Several keys that no release knows, not all of them like one of its keys, where the release stops at each
(or, in a config without a command, where another main must read them): the run is for a fork, or fails at these keys
before anything else. And a package `verl` of another version in the folder of the start, which `python -m` imports
before an installed one, where nobody asked for a release.

Then what verl does with other keys is less than certain: errors become warnings. What bash, Hydra's grammar and Python
say stays, and so do the unknown keys themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.releases import TABLES, release
from toolspec.backends.verl.renames import gone, name_in
from toolspec.backends.verl.rules import unknown_verl_key
from toolspec.backends.verl.written.files import Files
from toolspec.backends.verl.written.run import ARGUMENTS
from toolspec.specs.problem import Problem

STRANGE = 3
"""Keys of no release from which on a run is taken to be for another verl; fewer may be slips."""
ABOVE = 4
"""Folders above a script in which a checkout is looked for: scripts lie in `examples/NAME/`, and start at its root."""
CERTAIN = frozenset(
    {
        "secret-by-value",
        "python-syntax",
        "unknown-verl-key",
        "override-syntax",
        "broken-continuation",
        "sweep-without-multirun",
        "braces-expanded",
        "overrides-apart",
        "unknown-option",
        "no-assignment",
        "variable-not-expanded",
        "quote-not-closed",
        "runtime-env-values",
        "several-drivers",
        "gpus-of-the-job",
    }
)
"""Rules that hold for any verl, and the unknown keys."""


def less_certain(view: View, findings: Sequence[Problem], other: str) -> tuple[tuple[Problem, ...], str]:
    """The findings with errors as warnings where another verl may run, and why; as they are and "" where not.

    other: why it is another verl than the release in any case.
    """
    if view.run.spec is not None or not any(_verls(one) for one in findings):
        return tuple(findings), ""
    doubt = other or _fork(view)
    if not doubt:
        return tuple(findings), ""
    weaker = tuple(one._replace(severity="warning") if _verls(one) else one for one in findings)
    return weaker, f"{doubt}: errors about what verl does with its own keys are shown as warnings"


def _verls(finding: Problem) -> bool:
    return finding.severity == "error" and finding.name not in CERTAIN


def _fork(view: View) -> str:
    keys = list(dict.fromkeys(_of_no_release(view)))
    if len(keys) < STRANGE or all(view.keys.nearest(key) is not None for key in keys):
        return ""
    shown = ", ".join(f"`{key}`" for key in keys[:STRANGE])
    more = f" and {len(keys) - STRANGE} more" if len(keys) > STRANGE else ""
    return f"{shown}{more} are keys of no release of verl, so that the run may be for a fork"


def _of_no_release(view: View) -> Iterator[str]:
    """The unknown keys of the run that are those of no other release and no old names."""
    config = view.run.launch is None and view.run.file != ARGUMENTS
    try:
        for found in unknown_verl_key.check(view):
            if found.keys and (found.severity is None or config) and not _is_of_another(view, found.keys[0]):
                yield found.keys[0]
    except NotKnownError:
        return  # what was found before is enough, or nothing is


def _is_of_another(view: View, key: str) -> bool:
    if name_in(key, view.version) != key or gone(key, view.version) is not None:
        return True
    return any(
        release(version).knows(key, engine) for version in TABLES for engine in release(version).engines
    )


def checkout(folder: Path, files: Files) -> tuple[Path, str] | None:
    """The folder of a package `verl` beside or above a script, and its version; None without one."""
    for above in (folder, *list(folder.absolute().parents)[:ABOVE]):
        version = files.read(above / "verl" / "version" / "version")
        if version is not None:
            return above / "verl", version.decode("utf-8", "replace").strip()[:40]
    return None
