"""`budget.prompt_tokens: auto`, or a share of the rows: how the number comes about, and where it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from counted_spec import SPEC, compiled, linted, refused, said, settle
from toolspec.backends.verl.compile import bundle_of, compile_spec
from toolspec.backends.verl.lower.moves import default_trainer
from toolspec.compiler.chat.distribution import Distribution, distribution
from toolspec.compiler.chat.process import Failure
from toolspec.compiler.plan.prompt_tokens import PATH, RESTS_ON_IT
from toolspec.compiler.plan.resolve import decide, resolve
from toolspec.specs.json_schema import json_schema
from toolspec.specs.yaml_tree import parse_value


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return settle(tmp_path, monkeypatch)


def longest(folder: Path) -> dict[str, int]:
    """The longest prompt of each split, by the tokens themselves."""
    prompts = compiled(folder).facts.prompts
    assert prompts is not None
    return {split: one.longest for split, one in prompts.items()}


def lengths(*found: int | Failure) -> Distribution:
    return distribution(found)


NO = Failure("TemplateError", "no")
HUNDRED = lengths(*range(1001, 1101))


@pytest.mark.parametrize(
    ("wanted", "train", "val", "tokens", "reason"),
    [
        (
            "auto",
            lengths(5, 1200),
            lengths(7),
            1280,
            "auto: the longest of 3 prompts has 1,200 tokens, + 64 margin, rounded up",
        ),
        (
            "auto",
            lengths(5),
            lengths(64),
            128,
            "auto: the longest of 2 prompts has 64 tokens, + 64 margin, rounded up",
        ),
        ("{margin: 0, multiple: 1}", HUNDRED, None, 1100, "the longest of 100 prompts has 1,100 tokens"),
        (
            "{margin: 1, multiple: 100}",
            HUNDRED,
            None,
            1200,
            "the longest of 100 prompts has 1,100 tokens, + 1 margin, rounded up to a multiple of 100",
        ),
        (
            "{quantile: 0.07, margin: 0, multiple: 1}",
            HUNDRED,
            None,
            1007,
            "0.07 of the 100 prompts of train have at most 1,007 tokens; "
            "93 of 100 rows do not fit, and verl leaves them out",
        ),
        (
            "{quantile: 0.5, margin: 0, multiple: 1}",
            HUNDRED,
            lengths(1, 1090, 2000),
            1090,
            "0.5 of the 3 prompts of val have at most 1,090 tokens; "
            "11 of 103 rows do not fit, and verl leaves them out",
        ),
        (
            "{quantile: 0.5, margin: 0, multiple: 1}",
            lengths(9, NO, 8, NO),
            None,
            9,
            "0.5 of the 4 prompts of train have at most 9 tokens; "
            "2 of 4 rows do not fit, and verl leaves them out",
        ),
        (
            "{quantile: 0.99}",
            HUNDRED,
            None,
            1216,
            "0.99 of the 100 prompts of train have at most 1,099 tokens, + 64 margin, rounded up",
        ),
    ],
)
def test_the_number_and_its_reason(
    wanted: str, train: Distribution, val: Distribution | None, tokens: int, reason: str, folder: Path
) -> None:
    found = compiled(folder)
    (folder / "exp.yaml").write_text(SPEC.replace("auto", wanted), "utf-8")
    loaded = compile_spec(folder / "exp.yaml", counting=False).loaded
    prompts = {"train": train, **({"val": val} if val is not None else {})}
    plan = resolve(loaded, found.facts._replace(prompts=prompts), "0.9.1", folder / "b", default_trainer)
    decision = plan.decisions[PATH]
    assert (decision.value, decision.kind, decision.reason) == (tokens, "derived", reason)
    assert decision.span is not None and (decision.span.line, decision.span.column) == (9, 25)
    notes = [note for note in plan.notes if note.code == "TS215"]
    assert [note.severity for note in notes] == (["note"] if "do not fit" in reason else [])


def test_what_rests_on_the_number_is_another_with_another(folder: Path) -> None:
    found = compiled(folder)
    plans = [
        decide(
            found.loaded,
            found.facts._replace(prompts={"train": lengths(length)}),
            "0.9.1",
            folder,
            default_trainer,
        ).plan("0.9.1")
        for length in (20_000, 40_000)
    ]
    assert {path for path in plans[0] if plans[0][path] != plans[1][path]} == set(RESTS_ON_IT)


@pytest.mark.slow
def test_every_command_tells_the_number_and_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    most = longest(folder)["train"]
    number = -(-(most + 64) // 64) * 64
    why = f"auto: the longest of 25 prompts has {most} tokens, + 64 margin, rounded up"
    (folder / "other.yaml").write_text(SPEC.replace("prompt_tokens: auto, ", ""), "utf-8")
    for arguments in (("plan", "exp.yaml"), ("why", PATH, "exp.yaml"), ("budget", "exp.yaml")):
        code, text = said(monkeypatch, capsys, *arguments)
        assert code == 0 and why in text and str(number) in text, arguments
    assert said(monkeypatch, capsys, "diff", "other.yaml", "exp.yaml")[1].count(why) == 1
    assert said(monkeypatch, capsys, "compile", "exp.yaml")[0] == 0
    config = (folder / "build" / "exp" / "config.yaml").read_text("utf-8")
    (line,) = [line for line in config.splitlines() if "max_prompt_length" in line]
    assert f": {number} " in line and why in line
    document = json.loads(said(monkeypatch, capsys, "budget", "exp.yaml", "--format", "json")[1])
    assert document["prompt_tokens"]["limit_from"] == why
    assert (
        json.loads((folder / "build" / "exp" / "plan.json").read_text("utf-8"))["plan"][PATH]["value"]
        == number
    )
    # The tiny model's template is of another family than its type.
    assert {p.code for p in linted(folder).findings if p.severity != "note"} == {"TS322"}


def test_each_part_of_the_mapping_counts(folder: Path) -> None:
    parts = ("quantile: 0.2", "margin: 3", "multiple: 10", "quantile: 1")
    numbers = [
        compiled(
            folder, ("auto", f"{{margin: 0, multiple: 1, {part}}}" if "quantile" in part else f"{{{part}}}")
        )
        for part in parts
    ]
    most = max(longest(folder).values())
    found = [one.plan[PATH] for one in numbers]
    # Of train 4 of 20, of val 1 of 5 rows are at least as short.
    assert found == [
        most - 14,
        -(-(most + 3) // 64) * 64,
        -(-(most + 64) // 10) * 10,
        most,
    ]


@pytest.mark.parametrize(
    "value", ["auto", "{}", "{quantile: 1}", "{quantile: 0.5, margin: 0, multiple: 1}", "7"]
)
def test_the_schema_takes_it(value: str) -> None:
    document = parse_value(SPEC)
    assert isinstance(document, dict)
    document["budget"]["prompt_tokens"] = parse_value(value)
    Draft202012Validator(json_schema()).validate(document)


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        ("0", ""),
        ("Auto", "did you mean auto?"),
        ("0.99", "write {quantile: 0.99}"),
        ("{quantile: 99%}", "write 0.99"),
        ("{quantile: 0}", ""),
        ("{quantil: 0.9}", "did you mean `quantile`?"),
        ("{margin: -1}", ""),
        ("{multiple: 0}", ""),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_meant(value: str, fix: str, folder: Path) -> None:
    (problem,) = refused(folder, ("auto", value))
    assert (problem.fix, problem.span is not None and problem.span.line) == (fix, 9)


def test_a_bundle_is_the_same_each_time(folder: Path) -> None:
    assert bundle_of(compiled(folder)).files == bundle_of(compiled(folder)).files
