"""Every policy over some rows, scored by the reward in its process; what hangs it or ends it is noted by policy."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from toolspec.backends.verl.agent_loop import ChatTokens
from toolspec.backends.verl.rehearsal.asked import Asked
from toolspec.backends.verl.rehearsal.cheats import CHEATS
from toolspec.backends.verl.rehearsal.conversation import Task
from toolspec.backends.verl.rehearsal.episode import Episode, Lost
from toolspec.backends.verl.rehearsal.experiment import Experiment
from toolspec.backends.verl.rehearsal.rehearse import Stage
from toolspec.backends.verl.rehearsal.row_answers import drawn, expected_calls, text_of, truth_of
from toolspec.backends.verl.rehearsal.user_process import Limits, LostError
from toolspec.compiler.chat.process import ChatProcess

HONEST = ("honest", "honest-no-call", "honest-wrong")
PLAYED = (*HONEST, *CHEATS)
LIMITS = Limits(load_seconds=60.0, score_seconds=10.0, cpu_seconds=300)
NO_TRUTH = "7"
"""What a tool answers for a row that asks for nothing."""
MOST_LOST = 4
"""Policies that may hang or end the reward's process before the probe ends."""


class Probe(NamedTuple):
    """episodes: with their pieces. load: why the reward cannot be loaded. unplayed: policies that were left out.

    form, form_score: as Rehearsal. printed: bytes that the reward printed, over all episodes. network: whether it had
    one.
    """

    experiment: Experiment
    asked: Asked
    episodes: tuple[Episode, ...] = ()
    form: str = "{}"
    form_score: float | None = None
    load: Lost | None = None
    unplayed: tuple[str, ...] = ()
    printed: int = 0
    log: tuple[str, ...] = ()
    seconds: float = 0.0
    network: bool = False


Progress = Callable[[int, int], None]


def probed(
    experiment: Experiment,
    asked: Asked,
    folder: Path,
    progress: Progress = lambda done, all: None,
    network: bool = False,
) -> Probe:
    """experiment: with tools that only answer (probe/experiment.py). folder: where the bundle is written.

    network: whether the reward may use it.
    Raises ChatError where the tokenizer or the template cannot be used.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        chat = stack.enter_context(ChatProcess())
        model = experiment.model
        tokens = ChatTokens(chat, model.folder, model.custom, model.kwargs)
        prober = Prober(experiment, asked, folder, tokens)
        prober.network = network
        stack.enter_context(prober)
        found = prober.probed(progress)
    return found._replace(seconds=time.monotonic() - began)


class Prober(Stage):
    """The stage of a probe: tools answer what the row asks for, and the reward has no network unless asked."""

    network = False
    printed = 0

    def given(self) -> dict[str, object]:
        loop = "bundle" if self.experiment.loop else "verl"
        return {**super().given(), "loop": loop, "network": self.network}

    def leave(self) -> None:
        if self.process is not None:
            self.printed += self.process.scoring_printed
        super().leave()

    def play(self, task: Task) -> Episode:
        truth = truth_of(task.columns, self.experiment.reward)
        return super().play(task._replace(told=NO_TRUTH if truth is None else text_of(truth)))

    def probed(self, progress: Progress) -> Probe:
        nothing = Probe(self.experiment, self.asked, network=self.network)
        lost, form, worth = self._begun()
        if lost is not None:
            self.leave()
            return nothing._replace(load=lost, log=tuple(self.log), printed=self.printed)
        reward, rows = self.experiment.reward, self.experiment.rows
        answered = [at for at, row in enumerate(rows) if truth_of(row, reward) is not None]
        # Of a row that asks for no call every answer is right.
        answered = [at for at in answered if expected_calls(rows[at], reward) != ()] or answered
        chosen = drawn(rows, self.asked, answered)
        episodes: list[Episode] = []
        stopped: list[str] = []
        for at, policy in enumerate(self.asked.policies):
            if len(stopped) >= MOST_LOST:
                break
            for row in chosen:
                episode = self.episode(row, policy, form, 0)
                episodes.append(episode._replace(pieces=self.pieces.of(episode)))
                if episode.lost is not None and (self.process is None or self.process.ended):
                    stopped.append(policy)
                    self.leave()
                    if self.started() is not None:
                        stopped += [policy] * MOST_LOST
                    break
            progress(at + 1, len(self.asked.policies))
        self.leave()
        played = {one.policy for one in episodes}
        return nothing._replace(
            episodes=tuple(episodes),
            form=form,
            form_score=worth,
            unplayed=tuple(one for one in self.asked.policies if one not in played),
            printed=self.printed,
            log=tuple(self.log),
        )

    def _begun(self) -> tuple[Lost | None, str, float | None]:
        """Why the reward cannot be loaded, or None; the form of answers, `{}` where asking for it ends the process."""
        lost = self.started()
        if lost is not None:
            return lost, "{}", None
        try:
            return None, *self.form()
        except LostError:
            self.leave()
            return self.started(), "{}", None
