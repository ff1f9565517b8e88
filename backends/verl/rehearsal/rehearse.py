"""The whole experiment on CPU: rows, policies, the bundle's loop, tools and reward; what came of it as one value."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, NamedTuple

from toolspec.backends.verl.agent_loop import AgentLoop, ChatTokens, LoopFailure, NotSimulated, SingleTurnLoop
from toolspec.backends.verl.parsers.writing import answered
from toolspec.backends.verl.rehearsal.conversation import Conversation, Task, parsed
from toolspec.backends.verl.rehearsal.episode import Episode, Lost
from toolspec.backends.verl.rehearsal.experiment import Experiment
from toolspec.backends.verl.rehearsal.pieces import Pieces
from toolspec.backends.verl.rehearsal.policies import script
from toolspec.backends.verl.rehearsal.result_form import result_form
from toolspec.backends.verl.rehearsal.row_answers import (
    candidates,
    expected_calls,
    guess_for,
    question_of,
    text_of,
    truth_of,
)
from toolspec.backends.verl.rehearsal.scripts import PLAIN_RESULT, Script
from toolspec.backends.verl.rehearsal.scripts import Task as PolicyTask
from toolspec.backends.verl.rehearsal.user_process import Limits, LostError, ToolRun, UserProcess
from toolspec.compiler.chat.process import ChatError, ChatProcess

FORMS = (
    "{}",
    "The answer is {}.",
    "#### {}",
    "\\boxed{{}}",
    "<answer>{}</answer>",
    "<answer>\n{}\n</answer>",
    "Answer: {}",
    "Final answer: {}",
    "**{}**",
    "<think>\nso\n</think>\n<answer>{}</answer>",
    "<think>\nso\n</think>\n<answer>\n\\boxed{{}}\n</answer>",
)
"""How an answer may be written; the first that the reward pays most is taken."""
MOST_LOST = 3
"""Episodes that a tool, or the reward, may lose before the rehearsal ends."""


class Asked(NamedTuple):
    """rows: how many. python: the interpreter that runs tools and reward.

    engine: own, or verl's real loop and reward worker. step: of the training, which schedules of weights go by.
    """

    rows: int
    policies: tuple[str, ...]
    seed: int
    python: str
    limits: Limits = Limits()
    engine: Literal["own", "verl"] = "own"
    step: int = 1


class Rehearsal(NamedTuple):
    """form: of the answers that were written, with `{}` for the answer; form_score: what one alone earns.

    load: why tools or reward could not be loaded, and whose fault it is. not_run: episodes that were left out behind
    MOST_LOST. log: what the bundle's modules logged. seconds: all of it, by the clock.
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


Progress = Callable[[int, int], None]
Loop = AgentLoop | SingleTurnLoop


def rehearse(
    experiment: Experiment, asked: Asked, folder: Path, progress: Progress = lambda done, all: None
) -> Rehearsal:
    """folder: where the bundle is written, for the user's code to run in.

    Raises ChatError where the tokenizer or the template cannot be used.
    """
    began = time.monotonic()
    write_files(experiment, folder)
    with ExitStack() as stack:
        chat = stack.enter_context(ChatProcess())
        model = experiment.model
        tokens = ChatTokens(chat, model.folder, model.custom, model.kwargs)
        kind = Stage if asked.engine == "own" else verl_stage()
        stage = stack.enter_context(kind(experiment, asked, folder, tokens))
        found = stage.played(progress)
    return found._replace(seconds=time.monotonic() - began)


def verl_stage() -> type[Stage]:
    from toolspec.backends.verl.rehearsal.verl_stage import VerlStage

    return VerlStage


class Stage:
    """The process of the user's code, begun anew where it was lost."""

    def __init__(self, experiment: Experiment, asked: Asked, folder: Path, tokens: ChatTokens) -> None:
        self.experiment, self.asked, self.folder, self.tokens = experiment, asked, folder, tokens
        end = experiment.model.folder.tokens.get("eos_token")
        self.eos = tokens.id_of(end) if end is not None else None
        self.process: UserProcess | None = None
        self.log: list[str] = []
        self.shown: list[Mapping[str, Any]] = []
        self.read: list[Mapping[str, Any]] = []
        self.pieces = Pieces(tokens)
        self._loops: dict[tuple[str, ...] | None, Loop] = {}
        self._result: str | None = None
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
            episode = self.episode(row, policy, form, at // len(asked.policies))
            episodes.append(episode._replace(pieces=self.pieces.of(episode)))
            progress(len(episodes), len(tasks))
            if episode.lost is not None and episode.lost.how in ("hung", "crashed"):
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
            return Lost(error.how, error.who, str(error), error.tail), ()
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
        row = next(
            (row for row in self.experiment.rows if truth_of(row, self.experiment.reward) is not None), None
        )
        if row is None or self.process is None:
            return "{}", None
        truth = text_of(truth_of(row, self.experiment.reward))
        end = [] if self.eos is None else [self.eos]
        answers = [
            [*self.tokens.encode(answered(self.experiment.settings.format, form.replace("{}", truth))), *end]
            for form in FORMS
        ]
        try:
            loop = self._loop(row)
        except (LoopFailure, NotSimulated):
            return "{}", None
        self.process.send({"do": "probe", "with": {"row": row, "answers": answers}})
        while "ask" in (message := self.process.receive()):
            self.process.send({"answer": self._asked(message, loop)})
        if "failure" in message:
            return "{}", None
        scores = [float(one) for one in message["done"]]
        best = max(range(len(FORMS)), key=lambda at: (scores[at], -at))
        return FORMS[best], scores[best]

    def _asked(self, message: Mapping[str, Any], loop: Loop) -> Any:
        if message["ask"] == "decode":
            return self.tokens.decode(message["ids"], message["skip"])
        if message["ask"] == "encode":
            return self.tokens.encode(message["text"])
        try:
            return parsed(self.experiment, self.tokens, loop, message["ids"])
        except (LoopFailure, NotSimulated):
            return []

    def episode(self, number: int, policy: str, form: str, turn: int) -> Episode:
        """turn: which of what the policy does is chosen."""
        row = self.experiment.rows[number]
        try:
            loop = self._loop(row)
        except (LoopFailure, NotSimulated) as failure:
            reason = f"verl raises {failure}" if isinstance(failure, LoopFailure) else str(failure)
            return Episode(number, policy, Script("", ()), lost=Lost("raised", (), reason))
        try:
            made = script(policy, turn, self._task(number, loop, form, policy))
        except LookupError:
            reason = "the run has nothing that this policy could be played with"
            return Episode(number, policy, Script("", ()), lost=Lost("unplayed", (), reason))
        return self.play(Task(number, row, policy, made, loop))

    def play(self, task: Task) -> Episode:
        assert self.process is not None
        return Conversation(
            self.experiment, self.tokens, self.process, task, self.eos, self.asked.step
        ).played()

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
        )

    def _result_form(self, loop: Loop) -> str:
        if self.experiment.model.why_not:
            return PLAIN_RESULT  # the stand-in's template is nobody's
        if self._result is None:
            self._result = result_form(self.tokens, list(loop.tools), self.experiment.settings.format)
        return self._result


def drawn(rows: Sequence[Mapping[str, Any]], asked: Asked, among: Sequence[int] = ()) -> list[int]:
    """Numbers of the rows, in their order; the same for the same seed. among: those to draw from, all for none."""
    known = among or range(len(rows))
    return sorted(random.Random(asked.seed).sample(known, min(asked.rows, len(known))))


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry["config"]["schema"]["function"]["name"])


def write_files(experiment: Experiment, folder: Path) -> None:
    for name, content in experiment.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


__all__ = ["Asked", "ChatError", "Rehearsal", "rehearse"]
