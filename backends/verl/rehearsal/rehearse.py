"""The whole experiment on CPU: rows, policies, the bundle's loop, tools and reward; what came of it as one value."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from toolspec.backends.verl.agent_loop import AgentLoop, ChatTokens, LoopFailure, NotSimulated, SingleTurnLoop
from toolspec.backends.verl.rehearsal.answer_form import answer_form
from toolspec.backends.verl.rehearsal.asked import MODEL, Asked
from toolspec.backends.verl.rehearsal.authors import Author, ModelProcess, Writer
from toolspec.backends.verl.rehearsal.conversation import Conversation, Task, ends_of, would_raise
from toolspec.backends.verl.rehearsal.episode import Episode, Lost
from toolspec.backends.verl.rehearsal.experiment import Experiment
from toolspec.backends.verl.rehearsal.pieces import Pieces
from toolspec.backends.verl.rehearsal.policies import script
from toolspec.backends.verl.rehearsal.result_form import result_form
from toolspec.backends.verl.rehearsal.row_answers import (
    candidates,
    common_answer,
    drawn,
    expected_calls,
    guess_for,
    other_calls,
    question_of,
    text_of,
    truth_of,
)
from toolspec.backends.verl.rehearsal.scripts import PLAIN_RESULT, Script
from toolspec.backends.verl.rehearsal.scripts import Task as PolicyTask
from toolspec.backends.verl.rehearsal.user_process import LostError, ToolRun, UserProcess
from toolspec.compiler.chat.process import ChatError, ChatProcess

MOST_LOST = 3
"""Episodes that a tool, or the reward, may lose before the rehearsal ends."""


class Rehearsal(NamedTuple):
    """form: of the answers that were written, with `{}` for the answer; form_score: what one alone earns.

    load: why tools or reward could not be loaded, and whose fault it is. not_run: episodes that were left out behind
    MOST_LOST, or because the model's time was over. log: what the bundle's modules logged. seconds: all of it, by the
    clock. writer: the model that wrote a policy.
    """

    experiment: Experiment
    asked: Asked
    episodes: tuple[Episode, ...]
    form: str = "{}"
    form_score: float | None = None
    load: Lost | None = None
    not_run: int = 0
    loading: tuple[ToolRun, ...] = ()
    log: tuple[str, ...] = ()
    seconds: float = 0.0
    writer: Writer | None = None


class Progress(Protocol):
    """Is called with how many episodes are done, of how many, and what the next one is at."""

    def __call__(self, done: int, of: int, doing: str = "") -> None: ...


def silent(done: int, of: int, doing: str = "") -> None:
    return


Loop = AgentLoop | SingleTurnLoop


def rehearse(experiment: Experiment, asked: Asked, folder: Path, progress: Progress = silent) -> Rehearsal:
    """folder: where the bundle is written, for the user's code to run in.

    Raises ChatError where the tokenizer or the template cannot be used, ModelError where the small model cannot.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        chat = stack.enter_context(ChatProcess())
        model = experiment.model
        tokens = ChatTokens(chat, model.folder, model.custom, model.kwargs)
        kind = Stage if asked.engine == "own" else verl_stage()
        stage = stack.enter_context(kind(experiment, asked, folder, tokens))
        if MODEL in asked.policies and model.weights is not None:
            made = ModelProcess(model.weights, asked.python, experiment.sampling, asked.within)
            stage.model = stack.enter_context(made)
            about = made.start()
        found = stage.played(progress)
        if stage.model is not None:
            found = found._replace(writer=stage.model.did(about))
    return found._replace(seconds=time.monotonic() - began)


def verl_stage() -> type[Stage]:
    from toolspec.backends.verl.rehearsal.verl_stage import VerlStage

    return VerlStage


TIMED_OUT = "did not answer within"
"""As inside/worker.py."""


class Stage:
    """The process of the user's code, begun anew where it was lost."""

    def __init__(self, experiment: Experiment, asked: Asked, folder: Path, tokens: ChatTokens) -> None:
        self.experiment, self.asked, self.folder, self.tokens = experiment, asked, folder, tokens
        end = experiment.model.folder.tokens.get("eos_token")
        self.eos = tokens.id_of(end) if end is not None else None
        self.process: UserProcess | None = None
        self.model: ModelProcess | None = None
        self.log: list[str] = []
        self.shown: list[Mapping[str, Any]] = []
        self.read: list[Mapping[str, Any]] = []
        self.pieces = Pieces(tokens)
        self._loops: dict[tuple[str, ...] | None, Loop] = {}
        self._result: str | None = None
        self._common = common_answer(experiment.rows, experiment.reward)
        self._candidates = candidates(
            experiment.rows, experiment.reward, drawn(experiment.rows, asked), asked.seed
        )

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *error: object) -> None:
        self.leave()

    def leave(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            self.log += process.log
            process.close()

    def played(self, progress: Progress) -> Rehearsal:
        experiment, asked = self.experiment, self.asked
        nothing = Rehearsal(experiment, asked, ())
        try:
            lost = self.started()
            form, worth = ("{}", None) if lost else self.form()
            lost = lost or self.staged()
        except LostError as error:
            lost = Lost(error.how, error.who, str(error), error.tail)
        if lost is not None:
            self.leave()
            return nothing._replace(load=lost, log=tuple(self.log))
        chosen = drawn(experiment.rows, asked)
        episodes: list[Episode] = []
        losses: dict[str, int] = {}
        tasks = [(row, policy) for row in chosen for policy in asked.policies]
        for at, (row, policy) in enumerate(tasks):
            if self.model is not None:
                self.model.told = partial(progress, at, len(tasks))
                if policy == MODEL and self.model.late:
                    continue
            episode = self.episode(row, policy, form, at // len(asked.policies))
            if policy == MODEL and self.model is not None and self.model.late:
                continue  # its time ended within the episode
            episodes.append(episode._replace(pieces=self.pieces.of(episode)))
            progress(at + 1, len(tasks))
            if episode.lost is not None and (self.process is None or self.process.ended):
                for who in episode.lost.who or ("",):
                    losses[who] = losses.get(who, 0) + 1
                if max(losses.values()) >= MOST_LOST:
                    break
                self.leave()
                if (self.started() or self.staged()) is not None:
                    break
            hung = sum(run.how == "hung" for one in episodes for run in one.runs)
            if hung >= MOST_LOST:
                break
        self.leave()
        not_run = len(tasks) - len(episodes)
        return nothing._replace(
            episodes=tuple(episodes), form=form, form_score=worth, not_run=not_run, log=tuple(self.log)
        )

    def environment(self) -> dict[str, str]:
        """Of the process, but for what its own worker needs."""
        found = {
            **os.environ,
            **self.experiment.environment,
            "CUDA_VISIBLE_DEVICES": "",  # a rehearsal holds no GPU
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }
        found.pop("TOOLSPEC_RUN_DIR", None)  # or the reward would write records there
        return found

    def given(self) -> dict[str, Any]:
        """What the worker is started with."""
        experiment = self.experiment
        return {
            "tools": [{**one, "name": _name(one)} for one in experiment.tools],
            "reward": experiment.reward,
            "reward_kwargs": experiment.reward_kwargs,
            "settings": experiment.settings._asdict(),
            "max_model_len": experiment.max_model_len,
            "eos": self.eos,
            "stop_token_ids": self._stop_tokens(),
            "sampling": {},
            "step": self.asked.step,
        }

    def staged(self) -> Lost | None:
        """What else has to stand before the first episode; why it cannot, or None."""
        return None

    def started(self) -> Lost | None:
        """Why the user's code cannot be loaded, or None."""
        write_files(self.experiment, self.folder)  # anew: what was lost may have taken files with it
        self.process = UserProcess(self.asked.python, self.folder, self.environment(), self.asked.limits)
        lost, done = self.begun(self.process, self.given())
        self.shown = [one["shown"] for one in done]
        self.read = [one["read"] for one in done]
        return lost

    def begun(self, process: UserProcess, given: Mapping[str, Any]) -> tuple[Lost | None, Sequence[Any]]:
        """Start a process: why it cannot, and its first answer."""
        try:
            message = process.start(given)
        except LostError as error:
            reason = str(error) if process.spoke else f"{self.asked.python} does not run Python: {error}"
            return Lost(error.how, error.who, reason, error.tail), ()
        except OSError as error:
            reason = f"{self.asked.python} cannot be started: {error.strerror or error}"
            return Lost("crashed", (), reason), ()
        if "failure" in message:
            reason = f"{message['failure']}: {message['message']}".rstrip(": ")
            return Lost("raised", process.doing, reason), ()
        return None, message["done"]

    def _stop_tokens(self) -> list[int]:
        try:
            return list(AgentLoop(self.tokens, self.experiment.settings, []).stop_token_ids)
        except (LoopFailure, NotSimulated):
            return []  # every episode will say so

    def _loop(self, row: Mapping[str, Any]) -> Loop:
        """With the tools of the row: 0.8.0 and later choose by `tool_selection`. Raises as AgentLoop does."""
        if row["agent_name"] == "single_turn_agent":
            if None not in self._loops:
                self._loops[None] = SingleTurnLoop(self.tokens, self.experiment.settings)
            return self._loops[None]
        if row["agent_name"] != "tool_agent":
            raise NotSimulated(f"the row asks for the agent loop {row['agent_name']}")
        names = [str(one["function"]["name"]) for one in self.shown]
        selection = (row.get("extra_info") or {}).get("tool_selection")
        if selection and names and self.experiment.release != "0.7.1":
            names = [name for name in selection if name in names]
        key = tuple(names)
        if key not in self._loops:
            pairs = {
                str(one["function"]["name"]): (one, read)
                for one, read in zip(self.shown, self.read, strict=True)
            }
            chosen = [pairs[name] for name in key]
            self._loops[key] = AgentLoop(
                self.tokens,
                self.experiment.settings,
                [one for one, _ in chosen],
                [read for _, read in chosen],
            )
        return self._loops[key]

    def form(self) -> tuple[str, float | None]:
        """The form of an answer that the reward pays most, and what it pays for it alone."""
        if self.process is None:
            return "{}", None
        return answer_form(self.experiment, self.tokens, self.process, self._loop, self.eos)

    def episode(self, number: int, policy: str, form: str, turn: int) -> Episode:
        """turn: which of what the policy does is chosen."""
        row = self.experiment.rows[number]
        try:
            loop = self._loop(row)
        except (LoopFailure, NotSimulated) as failure:
            reason = would_raise(failure) if isinstance(failure, LoopFailure) else str(failure)
            return Episode(number, policy, Script("", ()), lost=Lost("raised", (), reason))
        made = Script("by itself", ())
        if policy != MODEL:
            try:
                made = script(policy, turn, self._task(number, loop, form, policy))
            except LookupError:
                reason = "the run has nothing that this policy could be played with"
                return Episode(number, policy, Script("", ()), lost=Lost("unplayed", (), reason))
        return self.play(Task(number, row, policy, made, loop))

    def play(self, task: Task) -> Episode:
        assert self.process is not None
        found = Conversation(
            self.experiment, self.tokens, self.process, task, self.eos, self.asked.step, self.author(task)
        ).played()
        fault = found.scored.fault if found.scored else None
        if not fault or TIMED_OUT not in fault:
            return found
        # The thread that it waited for runs on, and holds up whatever is scored next.
        self.process.close()
        return found._replace(scored=None, lost=Lost("hung", ("reward",), fault.partition(": ")[2] or fault))

    def author(self, task: Task) -> Author | None:
        """Who writes in place of the task's script."""
        if task.policy != MODEL or self.model is None:
            return None
        return self.model.author(ends_of(task.loop, self.eos), f"{self.asked.seed} {task.number}")

    def _task(self, number: int, loop: Loop, form: str, policy: str) -> PolicyTask:
        experiment = self.experiment
        row = experiment.rows[number]
        truth = truth_of(row, experiment.reward)
        info = row.get("extra_info") or {}
        needed = info.get("needed_calls")
        turns = experiment.settings.max_assistant_turns
        return PolicyTask(
            question_of(row),
            None if truth is None else text_of(truth),
            guess_for(experiment.rows, experiment.reward, number),
            form,
            experiment.settings.format,
            loop.tools,
            needed if isinstance(needed, int) else 1,
            turns - 1 if turns else None,
            not experiment.model.why_not,
            random.Random(f"{self.asked.seed} {policy} {number}"),
            self._candidates,
            self._result_form(loop),
            expected_calls(row, experiment.reward),
            other_calls(experiment.rows, experiment.reward, number),
            self._common,
        )

    def _result_form(self, loop: Loop) -> str:
        if self.experiment.model.why_not:
            return PLAIN_RESULT  # the stand-in's template is nobody's
        if self._result is None:
            self._result = result_form(self.tokens, list(loop.tools), self.experiment.settings.format)
        return self._result


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry["config"]["schema"]["function"]["name"])


def write_files(experiment: Experiment, folder: Path) -> None:
    for name, content in experiment.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


__all__ = ["Asked", "ChatError", "Rehearsal", "Stage", "drawn", "rehearse", "truth_of", "write_files"]
