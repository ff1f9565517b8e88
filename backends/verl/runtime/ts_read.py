"""Reads a trajectory from token ids and the spans that the policy wrote. Without verl: a parser may be given.

verl hands the manager no response mask (agent_loop.py `_compute_score` of the three releases), so the turns come
from the spans that ts_loop left. They are never cut by role markers: a tool's text can hold them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ts_arguments
import ts_forged
import ts_trajectory
from ts_parser import Parse, Turn, TurnParser, answer_text, forged
from ts_trajectory import UNKNOWN_TOOL, Answer, Call, Trajectory, plain


class Reader:
    """One run's reader: the release's parser, the tools' schemas, and where a row has its answer.

    spec: ts_reward.json (`format`, `tools`, `answer_field`, `spans`, `response_length`). parse: in place of the
    release's parser. solution: whether a term reads the whole response as text. markers: what opens a tool's answer in
    the run's template, asked for once, at the first trajectory.
    Raises ValueError for a format that the release lacks.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        tokenizer: Any,
        parse: Parse | None,
        *,
        solution: bool = False,
        markers: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        tools = spec.get("tools") or []
        self.tokenizer = tokenizer
        self.solution = solution
        self.markers = markers
        self.opened: re.Pattern[str] | None = None
        self.needs_spans = bool(tools) and bool(spec.get("spans", True))
        self.most = int(spec.get("response_length") or 0)
        self.field = str(spec.get("answer_field") or "reward_model.ground_truth")
        self.checks = {tool["function"]["name"]: ts_arguments.argument_check(tool) for tool in tools}
        self.form = str(spec.get("format") or "")
        self.parser = TurnParser(self.form, tokenizer, tools, parse) if self.form else None

    async def read(self, ids: list[int], spans: Any, row: Mapping[str, Any]) -> Trajectory:
        """The trajectory as the terms see it. Raises ValueError where tools are there and spans are not."""
        extra = dict(row.get("tool_extra_fields") or {})
        own = spans is not None or not self.checks  # whether all that is read here is certainly the policy's
        if spans is None:
            if self.needs_spans:
                raise ValueError("the agent loop left no ts_spans: it is not ts_loop.SpanToolAgentLoop")
            spans = [[0, len(ids)]]
        turn_ids, at_end = ts_trajectory.policy_turns(ids, spans)
        turns = [await self._turn(part) for part in turn_ids]
        known = plain(extra.get("ts_tools"))
        answer = ""
        if at_end and not turns[-1].calls and not turns[-1].malformed:
            answer = answer_text(self._visible(turn_ids[-1], turns[-1]), self.form).strip()
        truth = ts_trajectory.lookup(row, self.field)
        answers = by_turn(extra.get("ts_answers"))
        opened = self.opened = self.opened or ts_forged.opened(self.markers())
        return Trajectory(
            turns=tuple(turn.text for turn in turns),
            calls=tuple(
                Call(index, name, arguments, self._fault(name, arguments, known), answers.get((index, place)))
                for index, turn in enumerate(turns)
                for place, (name, arguments) in enumerate(turn.calls)
            ),
            malformed=sum(turn.malformed for turn in turns),
            forged=sum(forged(turn.text, self.form, opened) for turn in turns) if own else 0,
            answer=answer,
            truncated=self._cut(ids, extra),
            response_tokens=len(ids),
            policy_tokens=sum(map(len, turn_ids)),
            stop=str(extra.get("ts_stop") or ""),
            solution=self.tokenizer.decode(ids, skip_special_tokens=True) if self.solution else "",
            data_source=str(row.get("data_source", "")),
            truths=ts_trajectory.accepted(truth),
            ground_truth=truth,
            extra_info=ts_trajectory.told(row, ts_trajectory.info(row)),
        )

    def _cut(self, ids: list[int], extra: Mapping[str, Any]) -> bool:
        """Whether a limit cut the last turn: the loop's word, else that the response fills its length and does not end.

        verl's single-turn loop keeps no word of it (single_turn_agent_loop.py of the three releases).
        """
        if "ts_truncated" in extra or not self.most:
            return bool(extra.get("ts_truncated"))
        return len(ids) >= self.most and ids[-1] != getattr(self.tokenizer, "eos_token_id", None)

    async def _turn(self, ids: list[int]) -> Turn:
        if self.parser is None:
            return Turn(self.tokenizer.decode(ids, skip_special_tokens=False), (), 0)
        return await self.parser.parse(ids)

    def _visible(self, ids: list[int], turn: Turn) -> str:
        """The text that an answer is read from: special tokens mark the channels of gpt-oss, else they go."""
        if self.form != "gpt-oss":
            return str(self.tokenizer.decode(ids, skip_special_tokens=True))
        text = turn.text
        for end in ("<|return|>", "<|end|>"):
            text = text.removesuffix(end)
        return text

    def _fault(self, name: str, arguments: str, known: Any) -> str | None:
        """What is wrong with a call; `known` are the tools of this row, None for all."""
        if name not in self.checks or (known is not None and name not in known):
            return UNKNOWN_TOOL
        return self.checks[name](ts_arguments.parsed(arguments))


def by_turn(told: Any) -> dict[tuple[int, int], Answer]:
    """(policy turn, place of the call in it) → answer, from the loop's `ts_answers`.

    A turn's calls are taken up in their order, and those beyond `max_parallel_calls` not at all (tool_agent_loop.py
    of the three releases).
    """
    found: dict[tuple[int, int], Answer] = {}
    places: dict[int, int] = {}
    for item in sorted(plain(told) or [], key=lambda item: int(item["number"])):
        turn = int(item["turn"])
        place = places.get(turn, 0)
        places[turn] = place + 1
        found[turn, place] = Answer(str(item["text"]), str(item["error"]), float(item["seconds"]))
    return found
