"""`--engine verl`: the episodes through verl's real loop and reward worker, in a process of inside/verl_worker.py."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolspec.backends.verl.agent_loop import turn_limit as arithmetic
from toolspec.backends.verl.rehearsal.authors import Author, ModelError
from toolspec.backends.verl.rehearsal.conversation import Task, leaks_of, raised
from toolspec.backends.verl.rehearsal.episode import Episode, Lost, Scored, ToolCall
from toolspec.backends.verl.rehearsal.experiment import Experiment
from toolspec.backends.verl.rehearsal.rehearse import Loop, Stage
from toolspec.backends.verl.rehearsal.summary import terms_of
from toolspec.backends.verl.rehearsal.user_process import VERL_WORKER, LostError, UserProcess

TURN_LIMIT = Path(str(arithmetic.__code__.co_filename))
LOAD_SECONDS = 300.0
MEMORY = 1 << 42
"""Bytes of address space: torch reserves more than it takes."""


def _stop(experiment: Experiment, done: Mapping[str, Any]) -> str:
    """What the bundle's loop says; the loop of one turn says nothing, and only its length can end it early."""
    full = len(done["response_ids"]) >= experiment.settings.response_length
    return str(done["fields"].get("ts_stop") or ("response_length" if full else "no_tool_call"))


class VerlStage(Stage):
    """What tools and reward are is asked of the own engine first, and so is the form of the answers."""

    def staged(self) -> Lost | None:
        if self.process is not None:
            self.process.close()
        limits = self.asked.limits
        limits = limits._replace(load_seconds=max(limits.load_seconds, LOAD_SECONDS), memory=MEMORY)
        run = self.folder.parent / "run"
        run.mkdir(exist_ok=True)
        environment = {
            **self.environment(),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH")])),
            "VERL_USE_EXTERNAL_MODULES": "ts_start",
            "TOOLSPEC_RUN_DIR": str(run),
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        self.process = UserProcess(self.asked.python, self.folder, environment, limits, VERL_WORKER)
        experiment = self.experiment
        given: dict[str, Any] = {
            **self.given(),
            "model": str(experiment.model.folder.path),
            "engine": experiment.engine,
            "context": experiment.context,
            "turn_limit": str(TURN_LIMIT),
        }
        return self.begun(self.process, given)[0]

    def play(self, task: Task) -> Episode:
        process = self.process
        assert process is not None
        began, before = time.monotonic(), len(process.runs)
        nothing = Episode(task.number, task.policy, task.script)
        write = self.author(task)
        turns = [[turn.text, turn.endless] for turn in task.script.turns] if write is None else None
        try:
            process.send({"do": "episode", "with": {"row": task.columns, "turns": turns}})
            while "ask" in (message := process.receive()):
                process.send(self._written(write, message))
        except LostError as error:
            return nothing._replace(lost=Lost(error.how, error.who, str(error), error.tail))
        runs = tuple(process.runs[before:])
        if "failure" in message:
            return nothing._replace(lost=raised(message, process, before), runs=runs)
        done = message["done"]
        metrics = done["metrics"]
        values = {name: metrics[name] for name in terms_of(self.experiment) if name in metrics}
        record = done["record"]
        scored = Scored(done["score"], values, record.get("paid") or {}, metrics, record, record.get("fault"))
        return nothing._replace(
            prompt_ids=tuple(done["prompt_ids"]),
            response_ids=tuple(done["response_ids"]),
            mask=tuple(done["mask"]),
            stop=_stop(self.experiment, done),
            turns=done["turns"],
            turn_limits=tuple(done["limits"]),
            calls=tuple(ToolCall(*one) for one in done["calls"]),
            runs=runs,
            fields=done["fields"],
            scored=scored,
            leaks=leaks_of(done),
            seconds=time.monotonic() - began,
        )

    def _written(self, write: Author | None, message: Mapping[str, Any]) -> Mapping[str, Any]:
        assert write is not None
        try:
            return {"answer": write(message["ids"], message["limit"])}
        except ModelError as error:
            return {"failure": f"ModelError: {error}"}

    def _loop(self, row: Mapping[str, Any]) -> Loop:
        """Whatever loop the row has runs in verl: this one only says which tools there are, and reads calls."""
        known = row["agent_name"] in ("tool_agent", "single_turn_agent")
        return super()._loop(row if known else {**row, "agent_name": "tool_agent"})
