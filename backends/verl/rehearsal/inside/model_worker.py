"""A small causal language model on CPU: it writes the turns of a policy, token by token, in a process of its own.

usage: model_worker.py REQUESTS ANSWERS (file descriptors)

It needs torch and transformers, and imports nothing of toolspec. Weights are read from safetensors, which are data, and
code that lies beside them is not run. Sampling is that of the engines: temperature, then top-k, then top-p. Every token
is told as an event, so that a slow model is known from one that hangs.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import importlib.util
import inspect
import sys
import time
from typing import Any

from rehearsal_pipe import Pipe, die_with_the_parent, hold_to, text_of

WIDE_BYTES = 6 << 30
"""Weights up to here are computed with in float32, which CPUs are fastest at; larger ones as they are saved."""


class Refused(Exception):
    """The message is for the user."""


def missing() -> list[str]:
    return [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]


class Work:
    def __init__(self, given: dict[str, Any]) -> None:
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(given["threads"])
        self.torch, self.sampling = torch, given["sampling"]
        model = transformers.AutoModelForCausalLM.from_pretrained(
            given["path"], trust_remote_code=False, local_files_only=True, use_safetensors=True
        )
        if sum(one.numel() for one in model.parameters()) * 4 <= WIDE_BYTES:
            model = model.float()
        self.model = model.eval()
        self.known = int(model.get_input_embeddings().num_embeddings)
        self.narrow = "logits_to_keep" in inspect.signature(model.forward).parameters
        found = getattr(model.generation_config, "eos_token_id", None)
        self.ends = set(found if isinstance(found, list) else [] if found is None else [found])
        self.warpers = self._warpers(transformers)
        self.dice = torch.Generator()
        self.cache: Any = None
        self.fed: list[int] = []

    def _warpers(self, transformers: Any) -> Any:
        made, given = transformers.LogitsProcessorList(), self.sampling
        if given["temperature"] > 0:
            if given["temperature"] != 1:
                made.append(transformers.TemperatureLogitsWarper(float(given["temperature"])))
            if given["top_k"] > 0:
                made.append(transformers.TopKLogitsWarper(given["top_k"]))
            if given["top_p"] < 1:
                made.append(transformers.TopPLogitsWarper(float(given["top_p"])))
        return made

    def about(self) -> dict[str, Any]:
        return {
            "kind": type(self.model).__name__,
            "parameters": sum(one.numel() for one in self.model.parameters()),
        }

    def turn(
        self, pipe: Pipe, ids: list[int], limit: int, ends: list[int], seconds: float, seed: int | None
    ) -> dict[str, Any]:
        """seed: of an episode that begins here. late: whether the seconds ended it."""
        if max(ids, default=0) >= self.known:
            raise Refused(f"the prompt has token {max(ids):,}, and the model knows {self.known:,}")
        if seed is not None:
            self.dice.manual_seed(seed)
        until = time.monotonic() + seconds
        if self.cache is None or ids[: len(self.fed)] != self.fed or len(ids) <= len(self.fed):
            self.cache, self.fed = None, []
        new, written = ids[len(self.fed) :], list[int]()
        while len(written) < limit:
            token = self._next(new)
            written.append(token)
            pipe.send({"event": "written", "tokens": len(written)})
            if token in self.ends or token in ends:
                break
            if time.monotonic() > until:
                return {"ids": written, "late": True}
            new = [token]
        return {"ids": written, "late": False}

    def _next(self, new: list[int]) -> int:
        torch = self.torch
        with torch.inference_mode():
            more = {"logits_to_keep": 1} if self.narrow else {}
            found = self.model(
                input_ids=torch.tensor([new]), past_key_values=self.cache, use_cache=True, **more
            )
            self.cache, self.fed = found.past_key_values, [*self.fed, *new]
            scores = self.warpers(torch.tensor([self.fed]), found.logits[:, -1].float())
            if self.sampling["temperature"] == 0:
                return int(scores.argmax())
            # A draw by its shares, faster over a large vocabulary than multinomial: the first of exponential clocks.
            clocks = torch.empty_like(scores).exponential_(1.0, generator=self.dice)
            return int((scores.softmax(-1) / clocks).argmax())


def main() -> None:
    pipe = Pipe(int(sys.argv[1]), int(sys.argv[2]))
    start = pipe.receive()
    die_with_the_parent()
    hold_to(start["limits"])
    del sys.path[0]  # this file's folder
    try:
        lacking = missing()
        if lacking:
            raise Refused(f"{sys.executable} has no {' and no '.join(lacking)}")
        pipe.send({"event": "building", "what": "model"})
        work = Work(start)
        pipe.send({"done": work.about()})
    except BaseException as error:
        name = "" if isinstance(error, Refused) else type(error).__name__
        pipe.send({"failure": name, "message": text_of(error)})
        return
    while True:
        request = pipe.receive()
        try:
            pipe.send({"done": work.turn(pipe, **request["with"])})
        except BaseException as error:
            name = "" if isinstance(error, Refused) else type(error).__name__
            pipe.send({"failure": name, "message": text_of(error)})


if __name__ == "__main__":
    main()
