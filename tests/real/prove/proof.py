"""What one bundle has shown so far: the value that the stages read and add to."""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Status = Literal["ok", "FAIL", "skip", "not run"]
MESSAGE_CHARACTERS = 1500


class Failed(Exception):
    """A stage found the bundle wrong. The message says what and where."""


class Skipped(Exception):
    """A stage could not be run. The message says why."""


@dataclass(frozen=True)
class Outcome:
    """How one stage ended, with the reason: `skip` cannot be run here, `not run` follows a failure."""

    status: Status
    message: str = ""


@dataclass(frozen=True)
class Setting:
    """Where a proof runs: the bundle, the release, and the local stand-in for a model of a hub.

    script: trajectories to drive, or None for the standard ones (`real.prove.script`).
    until: the last stage to run. to_failure: no stage is run after one that failed.
    """

    bundle: Path
    release: str
    wheel: Path
    run_dir: Path
    model_dir: Path | None = None
    script: list[dict[str, Any]] | None = None
    until: str = ""
    to_failure: bool = False


@dataclass
class Proof:
    """The outcomes, and what earlier stages made for later ones (verl's objects, untyped here).

    arguments: what launch.sh gives main_ppo. positions: the longest sequence that the model takes.
    """

    setting: Setting
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    config: Any = None
    use_critic: bool = False
    use_reference: bool = False
    tokenizer: Any = None
    processor: Any = None
    positions: int = 0
    rows: Any = None
    tools: list[Any] = field(default_factory=list)
    loops: list[type] = field(default_factory=list)
    trajectories: list[dict[str, Any]] = field(default_factory=list)
    reward_error: str = ""

    def get(self, key: str, default: Any = None) -> Any:
        """The composed value of a dotted key; `default` where it is absent, null or does not resolve."""
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

        try:
            value = OmegaConf.select(self.config, key)
        except OmegaConfBaseException:
            return default
        return default if value is None else value

    def files(self, key: str) -> list[str]:
        """The paths under a key that holds one path, several or none."""
        value = self.get(key)
        return [] if value is None else [value] if isinstance(value, str) else [str(path) for path in value]

    def document(self) -> dict[str, Any]:
        """The JSON form of the report."""
        return {
            "bundle": str(self.setting.bundle),
            "verl": self.setting.release,
            "stages": {
                name: {"status": outcome.status, "message": outcome.message}
                for name, outcome in self.outcomes.items()
            },
            "seconds": self.seconds,
            "facts": self.facts,
            "notes": self.notes,
            "trajectories": self.trajectories,
        }


Stage = Callable[[Proof], str]


def described(error: BaseException) -> str:
    """One line for an exception and its cause."""
    text = f"{type(error).__name__}: {error}"
    if error.__cause__ is not None:
        text += f" <- {type(error.__cause__).__name__}: {error.__cause__}"
    return " ".join(text.split())[:MESSAGE_CHARACTERS]


def run_stage(proof: Proof, name: str, stage: Stage, needs: tuple[str, ...]) -> None:
    """Run one stage and note its outcome; not run when a stage that it needs failed or was not run."""
    missing = [need for need in needs if proof.outcomes[need].status in ("FAIL", "not run")]
    if missing:
        proof.outcomes[name] = Outcome("not run", f"it needs {missing[0]}")
        return
    began = time.monotonic()
    try:
        proof.outcomes[name] = Outcome("ok", stage(proof))
    except Skipped as reason:
        proof.outcomes[name] = Outcome("skip", str(reason))
    except Failed as problem:
        proof.outcomes[name] = Outcome("FAIL", str(problem)[:MESSAGE_CHARACTERS])
    except (Exception, SystemExit) as error:  # verl's own refusals are of every type
        proof.outcomes[name] = Outcome("FAIL", described(error))
    proof.seconds[name] = round(time.monotonic() - began, 2)
