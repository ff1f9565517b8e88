"""What a start of the run takes up: its newest whole checkpoint, and no other run's.

verl's own `resume_mode=auto` goes by latest_checkpointed_iteration.txt alone. A job that died while it saved leaves
that file empty or ahead of what is whole, and then each restart fails; so the checkpoint is chosen here, by what is in
the files, and named to verl (`resume_path`). Half ones are moved to `aside/`, never removed.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import ts_attempt
import ts_checkpoint
import ts_event

MARK = ".toolspec-run"
REFUSED = 78  # EX_CONFIG of sysexits.h


class Refused(Exception):
    """The run may not begin. The message says why."""


class Resume(NamedTuple):
    """step: that training goes on from, 0 for the beginning. overrides: for verl's command line."""

    step: int
    overrides: tuple[str, ...]
    folder: Path


def folder_of(settings: dict[str, Any], command: list[str], bundle: Path) -> Path:
    """Where verl saves: an override on its command line, else ts_job.json's."""
    told = [word.partition("=")[2] for word in command if word.startswith("trainer.default_local_dir=")]
    return ts_checkpoint.place_of(told[-1].strip("'\"") if told else str(settings["checkpoints"]), bundle)


def take_up(attempt: ts_attempt.Attempt, settings: dict[str, Any], folder: Path) -> Resume:
    """Sets half checkpoints aside and chooses. Raises Refused, OSError."""
    _claim(attempt, folder)
    found = ts_checkpoint.checkpoints(folder, settings)
    chosen = _asked(found, str(settings.get("resume_step") or ""), folder)
    mode = str(settings.get("resume", "auto"))
    if chosen is None and mode != "never":
        chosen = ts_checkpoint.newest_whole(found)
    for each in found:
        if each.state == "half":
            place = ts_checkpoint.set_aside(folder, each, f"{attempt.job_number}.{attempt.restart}")
            print(
                f"toolspec: checkpoint of step {each.step} is not whole ({each.why}): now {place}", flush=True
            )
            ts_event.write(attempt, "aside", step=each.step, why=each.why, to=str(place))
    _mend_tracker(folder, chosen.step if chosen else None)
    if chosen is not None:
        keep = settings.get("keep")
        if keep and (removed := ts_checkpoint.retain(found, chosen.step, int(keep))):
            print(
                f"toolspec: removed the checkpoints of step {', '.join(map(str, removed))}: {keep} are kept",
                flush=True,
            )
        # Its own name, of which verl reads the step, also where it is a link to another disk.
        return Resume(chosen.step, _named(str(chosen.folder.parent.resolve() / chosen.folder.name)), folder)
    if mode not in ("auto", "never"):  # a path of the user's, for the first start of the run
        return Resume(0, (), folder)
    return Resume(0, ("trainer.resume_mode=disable",), folder)


def _asked(found: list[ts_checkpoint.Checkpoint], step: str, folder: Path) -> ts_checkpoint.Checkpoint | None:
    """The checkpoint of the step that a resubmission asks for. Raises Refused."""
    if not step:
        return None
    for each in found:
        if str(each.step) == step:
            if each.state == "whole":
                return each
            raise Refused(
                f"the checkpoint of step {step} is {each.state} ({each.why or 'its shards were removed'})"
            )
    whole = ", ".join(str(each.step) for each in found if each.state == "whole") or "none"
    raise Refused(f"{folder} has no checkpoint of step {step}; whole ones: {whole}")


def _claim(attempt: ts_attempt.Attempt, folder: Path) -> None:
    """Marks the folder as this run's. Raises Refused where it is another's."""
    key = run_key(attempt.run)
    mark = folder / MARK
    try:
        other = json.loads(mark.read_text("utf-8"))
    except FileNotFoundError:
        inside = folder.resolve().is_relative_to(attempt.run.resolve())
        if not inside and folder.is_dir() and any(folder.glob("global_step_*")):
            raise Refused(
                f"{folder} has checkpoints that this run did not write; another checkpoint.dir, or checkpoint.resume: "
                "the path of one of them"
            ) from None
        ts_event.place(mark, json.dumps({"key": key, "run": attempt.run.name}))
        return
    except ValueError:
        other = {}
    if not isinstance(other, dict) or other.get("key") != key:
        name = other.get("run") if isinstance(other, dict) else None
        raise Refused(
            f"{folder} holds the checkpoints of another run ({name or 'unknown'}); another checkpoint.dir"
        )


def run_key(run: Path) -> str:
    """What tells this run from all others: drawn at submit, kept in run.json, so that a moved folder stays itself."""
    try:
        return str(json.loads((run / "run.json").read_text("utf-8"))["key"])
    except (OSError, ValueError, LookupError, TypeError):
        return str(run.resolve())


def _mend_tracker(folder: Path, step: int | None) -> None:
    """verl's tracker names what is taken up: V0 reads it whatever it is told to resume, and fails where it is empty."""
    file = folder / ts_checkpoint.TRACKER
    tracked = ts_checkpoint.tracker(folder)
    if step is None:
        file.unlink(missing_ok=True)
    elif tracked != step:
        print(f"toolspec: {ts_checkpoint.TRACKER} said {tracked}, now {step}", flush=True)
        ts_event.place(file, str(step))


def _named(path: str) -> tuple[str, str]:
    """Overrides that resume from `path`. Raises Refused where Hydra's grammar cannot say it."""
    if "${" in path or "\n" in path:
        raise Refused(f"no override of Hydra can name {path}")
    # Within quotes a backslash is itself, save in a row of them before a quote (Hydra's grammar, QUOTED_VALUE).
    quoted = re.sub(r"(\\*)('|$)", lambda row: row[1] * 2 + (row[2] and "\\'"), path)
    return "trainer.resume_mode=resume_path", f"trainer.resume_from_path='{quoted}'"


def refuse(attempt: ts_attempt.Attempt, why: str) -> int:
    """Says and records that the run does not begin; the exit code."""
    print(f"toolspec: refused: {why}", file=sys.stderr, flush=True)
    cause = {"kind": "refused", "message": why, "fix": "", "signature": f"refused:{why}", "step": None}
    ts_event.write(attempt, "ended", code=REFUSED, cause=cause, next="stop", why=why)
    return REFUSED
