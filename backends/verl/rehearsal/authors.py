"""Who writes the turns of an episode: a script, or a model on CPU in a process of its own."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.verl.agent_loop import ChatTokens
from toolspec.backends.verl.rehearsal.policies import Script, Turn
from toolspec.backends.verl.rehearsal.small_model import Sampling
from toolspec.backends.verl.rehearsal.user_process import MODEL_WORKER, Limits, LostError, UserProcess

Author = Callable[[Sequence[int], int], list[int]]
"""All ids so far, and how many tokens the turn may have → the ids of the turn, its end token included.

Raises ModelError.
"""
LOAD_SECONDS = 600.0
TOKEN_SECONDS = 120.0
"""For one token at most, and for reading a prompt: a process that is silent for longer hangs."""
MEMORY = 1 << 42
"""Bytes of address space: torch reserves more than it takes."""


class ModelError(Exception):
    """The model cannot be used, or wrote nothing. The message is a clause. late: because its time is over."""

    def __init__(self, reason: str, late: bool = False) -> None:
        super().__init__(reason)
        self.late = late


class Writer(NamedTuple):
    """kind: the model's class in transformers. tokens: that it wrote, in how many seconds. late: its time was over."""

    kind: str
    parameters: int
    tokens: int = 0
    seconds: float = 0.0
    late: bool = False


def scripted(script: Script, tokens: ChatTokens, eos: int | None, ends: set[int | None]) -> Author:
    """eos: the id that ends a turn. ends: all that do."""
    turns: Iterator[Turn] = iter(script.turns)

    def write(ids: Sequence[int], limit: int) -> list[int]:
        """The next turn up to the first token that ends one, or to the limit; then nothing but ends of turns."""
        turn = next(turns, Turn(""))
        written = tokens.encode(turn.text)
        if turn.endless:
            written = written * (limit // max(1, len(written)) + 1)
        elif eos is not None:
            written = [*written, eos]
        length = next((at + 1 for at, one in enumerate(written) if one in ends), len(written))
        return written[: min(length, limit)]

    return write


class ModelProcess:
    """path: the model's folder. seconds: for all its turns together.

    late: whether they are over. told: is called with how far a turn is, in words.
    """

    def __init__(self, path: Path, python: str, sampling: Sampling, seconds: float) -> None:
        self.seconds = seconds
        self.written, self.writing, self.late = 0, 0.0, False
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        limits = Limits(
            load_seconds=LOAD_SECONDS,
            score_seconds=TOKEN_SECONDS,
            cpu_seconds=int((LOAD_SECONDS + TOKEN_SECONDS + seconds) * (cores + 1)),
            memory=MEMORY,
        )
        environment = {
            **os.environ,
            "CUDA_VISIBLE_DEVICES": "",
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        self.told: Callable[[str], None] = lambda doing: None
        self.process = UserProcess(python, path, environment, limits, MODEL_WORKER)
        self.process.told = self._told
        self._given = {"path": str(path), "threads": cores, "sampling": sampling._asdict()}

    def __enter__(self) -> ModelProcess:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.close()

    def start(self) -> Writer:
        """Raises ModelError: torch or transformers are not there, or the folder is none of a model that they know."""
        try:
            return Writer(**self._done(self.process.start(self._given)))
        except LostError as error:
            raise _lost(error) from None
        except OSError as error:
            raise ModelError(f"{self.process.python} cannot be started: {error.strerror or error}") from None

    def _told(self, tokens: int) -> None:
        self.told(f"the model at token {tokens:,}")

    def did(self, started: Writer) -> Writer:
        return started._replace(tokens=self.written, seconds=self.writing, late=self.late)

    def author(self, ends: set[int | None], seed: str) -> Author:
        """Of one episode."""
        first: list[int] = [random.Random(seed).getrandbits(62)]

        def write(ids: Sequence[int], limit: int) -> list[int]:
            if self.process.ended:
                raise ModelError("the model's process has ended in an episode before")
            left = self.seconds - self.writing
            if left <= 0:
                self.late = True
                raise ModelError(self._over(), late=True)
            given = {
                "ids": list(ids),
                "limit": limit,
                "ends": [one for one in ends if one is not None],
                "seconds": left,
                "seed": first.pop() if first else None,
            }
            began = time.monotonic()
            try:
                self.process.send({"do": "turn", "with": given})
                done = self._done(self.process.receive())
            except LostError as error:
                raise _lost(error) from None
            finally:
                self.writing += time.monotonic() - began
            written = [int(one) for one in done["ids"]]
            self.written += len(written)
            if done["late"]:
                self.late = True
                raise ModelError(self._over(), late=True)
            return written

        return write

    def _over(self) -> str:
        return f"the model's {self.seconds:,.0f} seconds are over (--within)"

    def _done(self, message: Mapping[str, Any]) -> Any:
        if "failure" in message:
            raise ModelError(f"{message['failure']}: {message['message']}".removeprefix(": "))
        return message["done"]


def _lost(error: LostError) -> ModelError:
    lines = error.tail.strip().splitlines()
    said = f"; it printed last: {lines[-1][:200]}" if lines else ""
    return ModelError(f"the model's process {'hangs' if error.how == 'hung' else 'ended'}: {error}{said}")
