"""Texts are read as verl's own parsers of the release read them: content, calls, arguments and exceptions."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from real.environment import Environment
from real.parser_texts import deep, expressions, sound, texts, tools
from real.tokenizer import short_model_folder
from toolspec.backends.verl.parsers import (
    FORMATS,
    NoAnswer,
    Parsed,
    ParserFailure,
    parse,
    parse_ids,
    stop_token_ids,
)

pytestmark = pytest.mark.real

JUDGE = Path(__file__).with_name("parser_judge.py")
COUNT = int(os.environ.get("TOOLSPEC_PARSER_TEXTS", "3000"))  # for each format
SEED = int(os.environ.get("TOOLSPEC_PARSER_SEED", "1"))


def judged(environment: Environment, release: str, asked: dict[str, Any]) -> dict[str, Any]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(environment.python), str(JUDGE), str(short_model_folder(environment))],
        input=json.dumps({"cases": [], "encoded": [], "tools": [], **asked}),
        env={**inherited, "PYTHONPATH": str(environment.wheel(release))},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def answering(number: Any) -> Callable[[str], Any]:
    return lambda _: number


def words(found: Parsed) -> str:
    """An answer in the judge's words."""
    return ascii([found.content, [tuple(call) for call in found.calls]])


def ours(form: str, release: str, text: str, given: Any, pad: str | None) -> str | None:
    """None: no answer."""
    try:
        return words(parse(form, release, text, given, pad))
    except NoAnswer:
        return None
    except ParserFailure as failure:
        return ascii(str(failure))


def test_every_text_is_read_alike(environment: Environment, release: str) -> None:
    lists = tools(release)
    asked = []
    for form in FORMATS:
        count = COUNT if release in FORMATS[form].releases else 1
        made = texts(form, count, SEED)
        others = [name for name in FORMATS if name != form]
        made += [  # what other formats write
            each for name in others for each in texts(name, count // 20, SEED + 1)
        ]
        made += [(text, 0, "") for text in expressions(form)]
        made += [(deep(form), index, "") for index in range(len(lists))]
        asked += [(form, *each) for each in made]
    mine = [ours(form, release, text, lists[index], pad) for form, text, index, pad in asked]
    known = [(case, found) for case, found in zip(asked, mine, strict=True) if found is not None]
    # verl would run such a text, so it is not asked
    assert len(asked) - len(known) < 0.02 * len(asked)
    real = judged(environment, release, {"tools": lists, "cases": [case for case, _ in known]})["cases"]
    other = [(case, found, its) for (case, found), its in zip(known, real, strict=True) if found != its]
    assert not other, f"{len(other)} of {len(known)}: " + "\n".join(map(repr, other[:3]))
    for form in FORMATS:
        if release in FORMATS[form].releases:  # the texts do ask something
            calls = [
                its
                for (case, _), its in zip(known, real, strict=True)
                if case[0] == form and not its.endswith("[]]")
            ]
            assert len(calls) > COUNT / 6, form


def test_stop_tokens_are_verls(environment: Environment, release: str) -> None:
    stops = judged(environment, release, {})["stops"]
    having = [form for form in FORMATS if release in FORMATS[form].releases]
    assert sorted(stops) == sorted(having)
    for form in having:
        mine = [stop_token_ids(form, release, answering(number)) for number in (5, -1, None)]
        assert mine == stops[form], form


def test_special_tokens_are_kept_as_verl_keeps_them(environment: Environment, release: str) -> None:
    """With the real tokenizer: how the parser asks it to decode, and what it makes of that."""
    dice = random.Random(SEED)
    having = [form for form in FORMATS if release in FORMATS[form].releases]
    asked = [(form, f"<|im_start|>{sound(dice, form)}<|im_end|>") for form in having for _ in range(20)]
    real = judged(environment, release, {"tools": tools(release), "encoded": asked})["encoded"]
    for (form, _), (options, decoded, pad, its) in zip(asked, real, strict=True):
        seen: list[dict[str, Any]] = []

        def decode(_: Any, seen: list[dict[str, Any]] = seen, decoded: str = decoded, **given: Any) -> str:
            seen.append(given)
            return decoded

        try:
            found = parse_ids(form, release, [], tools(release)[0], decode, pad)
        except NoAnswer:
            continue
        assert seen == [options]
        assert "<|im_end|>" in decoded
        assert words(found) == its
