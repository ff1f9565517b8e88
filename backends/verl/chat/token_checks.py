"""Whether a tokenizer has the tokens that a run goes by: ends of turns, the parser's stop tokens, the builder's marks.

verl looks tokens up by `convert_tokens_to_ids`, which has no error for one that is not there: its answer is the unknown
token's id, or None (transformers 5 tokenization_utils_tokenizers.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from toolspec.backends.verl.agent_loop import ChatTokens, LoopFailure
from toolspec.backends.verl.agent_loop.builders import (
    BEFORE,
    DEFAULT,
    NAME,
    RELEASES,
    Builder,
    builder_of,
    made_up_call,
)
from toolspec.backends.verl.chat.gate import Check, State
from toolspec.backends.verl.chat.probe import PROBE, QUESTION, call_message, result_message
from toolspec.backends.verl.chat.quirks import TOKENS, Quirks
from toolspec.backends.verl.chat.subject import Subject
from toolspec.backends.verl.chat.whole_conversation import ids_check
from toolspec.backends.verl.parsers import FORMATS
from toolspec.compiler.chat.process import ChatProcess
from toolspec.compiler.facts.architecture import token_ids
from toolspec.compiler.facts.model_directory import read_mapping

_MARK = re.compile(r"<[^<>\s]{1,60}>|\[[^\[\]\s]{1,20}\]")


def token_checks(process: ChatProcess, subject: Subject, quirks: Quirks) -> Iterator[Check]:
    """process: has the subject's template and tokenizer. quirks: of the template.

    Raises ChatError where the process does not answer.
    """
    folder = subject.folder
    assert folder is not None
    tokens = ChatTokens(process, folder, subject.template, subject.settings, loaded=True)
    look = _Look(tokens)
    ends = quirks.ends
    for name, shown in TOKENS.items():
        ends = ends.replace(shown, folder.tokens.get(name, ""))
    yield _end_of_turn(look, subject, ends)
    if subject.tools:
        yield from _stop(look, subject)
        if subject.release in RELEASES:
            yield from _builder(look, subject)
        check = ids_check(tokens, subject)
        if check is not None:
            yield check


class _Look:
    """verl's view of the tokenizer's tokens."""

    def __init__(self, tokens: ChatTokens) -> None:
        self.tokens = tokens
        self.unknown = tokens.folder.tokens.get("unk_token")
        # What `convert_tokens_to_ids` answers.
        self.found_for = tokens.id_of

    def id_of(self, token: str) -> int | None:
        return self.tokens.process.token_ids([token])[0]

    def taken_for(self) -> str:
        """What a token that is not there is taken for, in words."""
        return f"it is looked up as the unknown token `{self.unknown}`" if self.unknown else "its id is None"


def _end_of_turn(look: _Look, subject: Subject, ends: str) -> Check:
    marks = _MARK.findall(ends)
    if not marks:
        what = json.dumps(ends, ensure_ascii=False) if ends.strip() else "nothing"
        return Check("end", "unknown", f"the template ends an answer with {what}: no mark to look up")
    mark = marks[0]
    number = look.id_of(mark)
    if number is None:
        pieces = len(look.tokens.encode(mark))
        return Check(
            "end",
            "error",
            f"`{mark}`, by which the template ends a turn, is no token of this tokenizer but {pieces} of them: the "
            "engine stops at none of them, and turns run to their limit",
            "a model whose template and tokenizer belong together",
        )
    stops = _stops(look, subject)
    if number not in stops:
        named = ", ".join(str(one) for one in sorted(stops)) or "none"
        return Check(
            "end",
            "warning",
            f"the template ends a turn with `{mark}` ({number}), which is no end token of the model ({named}): the "
            "engine goes on behind it",
            f"eos_token_id: [{number}, …] in the model's generation_config.json, and eos_token",
        )
    return Check("end", "ok", f"`{mark}` ({number}) ends a turn, for the template and for the engine")


def _stops(look: _Look, subject: Subject) -> set[int]:
    """Ids at which the engine ends a turn: the tokenizer's, those of config.json and generation_config.json."""
    eos = look.tokens.folder.tokens.get("eos_token")
    found = {look.id_of(eos)} if eos else set()
    for name in ("config.json", "generation_config.json"):
        found.update(token_ids((read_mapping(subject.model_folder, name) or {}).get("eos_token_id")))
    return {one for one in found if one is not None}


def _stop(look: _Look, subject: Subject) -> Iterator[Check]:
    """The token that verl adds to the engine's stop tokens for the format (parsers/table.py)."""
    one = FORMATS.get(subject.format)
    if one is None or one.stop is None or subject.release not in one.releases:
        return
    token = one.stop.token
    if look.id_of(token) is not None:
        yield Check("stop", "ok", f"`{token}`, at which `{subject.format}` ends a turn, is a token")
        return
    found = look.found_for(token)
    if found is not None:
        text = f"the turn ends at `{look.unknown}` ({found}) instead, wherever the policy writes one"
    elif one.stop.checked:
        text = "verl adds no stop token, and the policy writes on behind its call"
    else:
        text = "verl hands None to the engine as a stop token"
    state: State = "warning" if found is None and one.stop.checked else "error"
    fix = "the format that fits the model's template"
    yield Check(
        "stop", state, f"`{token}`, at which `{subject.format}` ends a turn, is no token: {text}", fix
    )


def _builder(look: _Look, subject: Subject) -> Iterator[Check]:
    model_type = subject.model_type
    builder = builder_of(model_type)
    wrong = list(_wanting(look, builder))
    if builder.difference or builder.opening:
        wrong += _difference(look.tokens, subject, builder)
    if builder.media and not (subject.model_folder / "preprocessor_config.json").is_file():
        wrong.append(f"model_type `{model_type}` wants a processor of images, and there is none")
    if wrong:
        text = f"verl {subject.release} joins turns by its builder `{builder.name}`: {'; '.join(wrong)}"
        yield Check("builder", "error", text, "another model or template, or an agent loop of your own")
        return
    # What a token that is looked up as the unknown one comes to.
    odd = [token for token in builder.tokens if look.id_of(token) is None]
    if odd:
        text = f"`{odd[0]}` is no token: {look.taken_for()}, and the builder `{builder.name}` never finds it"
        yield Check("builder", "warning", text)
    elif builder == DEFAULT:
        text = (
            f"verl {subject.release} has no builder for model_type `{model_type}` and joins turns as they are"
        )
        yield Check("builder", "ok", text)
    else:
        yield Check("builder", "ok", f"verl's builder `{builder.name}` has the tokens that it joins turns by")


def _wanting(look: _Look, builder: Builder) -> Iterator[str]:
    for token in builder.tokens:
        if look.found_for(token) is None:
            yield f"`{token}` is no token, a ValueError before the first turn"
    if builder.newline and (pieces := len(look.tokens.encode("\n"))) != 1:
        yield f"a newline has {pieces} tokens and has to be one, a ValueError before the first turn"


def _difference(tokens: ChatTokens, subject: Subject, builder: Builder) -> list[str]:
    """Whether a rendering without a tool's answer begins the one with it, in tokens."""
    answer = result_message()
    call = made_up_call([answer], [NAME], builder.arguments)
    pair: tuple[tuple[list[Mapping[str, Any]], bool], ...] = (
        ([*BEFORE, call], False),
        ([*BEFORE, call, answer], builder.generation),
    )
    if builder.opening:
        turns: list[Mapping[str, Any]] = [QUESTION, call_message(PROBE, {"text": "x"}), answer]
        pair = ((turns, False), (turns, True))
    try:
        before, after = (tokens.applied(turns, subject.schemas or None, opening) for turns, opening in pair)
    except LoopFailure as failure:
        return [
            "it renders a tool's answer behind a system message, a question and a call, which the template refuses "
            f"({failure.reason}), at the first tool answer"
        ]
    if after[: len(before)] != before:
        return [
            "the tokens before a tool's answer are others with it than without, a ValueError at the first tool answer"
        ]
    return []
