"""Wrong values over the whole language: what is refused, with which code, and at which place of the file.

The cases are made from the language's own fields, so that a new field is covered the day it is added. What a
field must refuse is said here again, by kinds and by the few fields that take a negative number or a zero, and
is not read from the validators under test.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Literal, cast, get_args, get_origin

import pytest

from toolspec.backends.verl.compile import compile_spec
from toolspec.specs.loading import load
from toolspec.specs.problem import Problem, ProblemError
from toolspec.specs.reward import TERMS
from toolspec.specs.section import Section
from toolspec.specs.shape import all_paths, fields_of, members

SpecPath = tuple[str, ...]

# A whole spec; what a case writes is laid over it.
BASE: Mapping[str, Any] = {
    "toolspec": 1,
    "name": "s",
    "model": {"path": "Qwen/Qwen2.5-0.5B-Instruct"},
    "data": {"train": {"path": "rows.parquet"}},
    "tools": {"look": {"python": "tools.py:look"}},
    "reward": {"correct": {"weight": 1}},
    "algorithm": {"name": "ppo"},
}
# What a section needs beside the key of a case, where BASE does not have the section.
NEEDED: Mapping[str, Mapping[str, Any]] = {
    "model.lora": {"rank": 8},
    "data.order": {"by": "a"},
    "data.val": {"path": "rows.parquet"},
    "data.val.set": {"path": "rows.parquet"},
    "algorithm.lr": {"peak": 1e-6},
    "algorithm.critic_lr": {"peak": 1e-6},
    "algorithm.overlong": {"buffer": 16},
    "reward.correct": {"weight": 1},
    "reward.valid_call": {"weight": 1},
    "reward.extra_call": {"weight": -1},
    "reward.bad_call": {"weight": -1},
    "reward.format": {"weight": 1},
    **{f"reward.{name}": {"weight": 1} for name in TERMS[5:]},
    "reward.own.set": {"weight": 1, "python": "reward.py:score"},
    "cluster.slurm.container": {"image": "x.sqsh"},
    "sweep.random": {"points": 2, "over": {"algorithm.entropy": [0, 0.1]}},
    "sweep.simplex": {"terms": ["correct", "valid_call"], "steps": 2},
}
# Numbers that a field takes although they are below zero, or zero.
NEGATIVE = re.compile(
    r"env|rollout\.top_k|evaluation\.top_k|cluster\.slurm\.extra"
    r"|reward\.(own\.<name>|\w+)(\.(weight|cap|wrong|unknown_tool|schema|malformed))?"
)
ZERO = re.compile(
    NEGATIVE.pattern
    + r"|\w+\.seed|budget\.rounds|algorithm\.(entropy|lambda|critic_warmup)|tracking\.samples"
    r"|algorithm\.(critic_)?lr\.(warmup|decay)|reward\.correct\.tolerance|reward\.(extra_call|turns)\.free|reward\.length\.start"
    r"|evaluation\.temperature|budget\.prompt_tokens\.margin|sweep\.(random|simplex)\.seed|sweep\.simplex\.least"
    r"|cluster\.slurm\.restarts"
)
WRONG: Mapping[str, str] = {
    "a mapping": "{zz: 1}",
    "a list": "[[1]]",
    "a truth value": "true",
    "a word": "zzzz",
    "a number": "3",
    "a fraction": "1.5",
    "negative": "-3",
    "zero": "0",
    "beyond 64 bits": "9" * 30,
    "not finite": ".nan",
    "empty text": "''",
}
FIELDS = {".".join(path): info for path, info in all_paths()}


def text_with(path: SpecPath, value: str) -> tuple[str, int, int]:
    """A spec that says `value` at `path`, on a line of its own; that line and the column of the value."""
    lines: list[str] = []
    found = [0, 0]

    def write(mapping: Mapping[str, Any], above: SpecPath) -> None:
        here = ".".join(above)
        on_the_way = path[: len(above)] == above
        named = path[len(above) : len(above) + 1] == ("<name>",)
        needed = NEEDED.get(here.replace("<name>", "set"), {}) if on_the_way and not named else {}
        keys = dict.fromkeys((*mapping, *needed, *([path[len(above)]] if on_the_way else [])))
        for key in keys:
            written = {"<name>": "look" if above == ("tools",) else "set"}.get(key, key)
            head = "  " * len(above) + f"{written}:"
            inside = mapping.get(written, needed.get(key))
            if (*above, key) == path:
                lines.append(f"{head} {value}")
                found[:] = [len(lines), len(head) + 2]
            elif on_the_way and key == path[len(above)]:
                lines.append(head)
                write(inside if isinstance(inside, Mapping) else {}, (*above, key))
            elif not (on_the_way and key == "look" and path[len(above)] == "<name>"):
                lines.append(f"{head} {json.dumps(inside)}")

    write(BASE, ())
    return "\n".join(lines) + "\n", found[0], found[1]


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    file = folder / "exp.yaml"
    file.write_text(text, "utf-8")
    try:
        load(file)
    except ProblemError as error:
        return error.problems
    return ()


def kinds(path: str) -> set[str]:
    """What the field takes, in WRONG's words, of which each is true for any value of the kind."""
    taken: set[str] = set()

    def add(annotation: Any) -> None:
        for member in members(annotation):
            origin = get_origin(member)
            if member is Any:
                taken.update(WRONG)
            elif origin is Literal:
                taken.update("a truth value" for value in get_args(member) if value is True)
            elif isinstance(member, type) and issubclass(member, Section):
                taken.add("a mapping")
                if member.short_form:
                    add(fields_of(member)[member.short_form].annotation)
            elif origin in (tuple, list):
                taken.add("a list")
                add(get_args(member)[0])
            else:
                taken.update(
                    {
                        bool: ("a truth value",),
                        str: ("a word",),
                        int: ("a number",),
                        float: ("a number", "a fraction"),
                        dict: ("a mapping",),
                    }.get(origin or member, ())
                )

    add(FIELDS[path].annotation)
    return taken


def must_refuse() -> Iterator[tuple[str, str]]:
    for path in FIELDS:
        taken = kinds(path)
        numeric = "a number" in taken
        for kind in WRONG:
            wrong_kind = kind in ("a mapping", "a list", "a truth value", "a word", "a number", "a fraction")
            # A name alone in `env` is a secret's; a truth value of `train.offload` stands for all or none.
            text_of_its_own = (path, kind) in (("env", "a word"), ("train.offload", "a truth value"))
            if (
                (wrong_kind and kind not in taken and not text_of_its_own)
                or kind in ("beyond 64 bits", "not finite")
                or (kind == "empty text" and path not in ("description", "env", "cluster.slurm.extra"))
                or (kind == "negative" and not (numeric and NEGATIVE.fullmatch(path)))
                or (kind == "zero" and not (numeric and ZERO.fullmatch(path)))
            ):
                yield path, kind


# A time is written with its unit, a warm-up may be a share, and both are read from text of that form alone.
TIMES = ("tools.<name>.timeout", "cluster.slurm.time")
CASES = sorted({*must_refuse(), *((path, kind) for path in TIMES for kind in ("a number", "a word"))})


@pytest.mark.parametrize("kind", list(WRONG))
@pytest.mark.slow
def test_each_field_refuses_what_it_cannot_be_at_its_place(kind: str, tmp_path: Path) -> None:
    wrong = []
    for path in (path for path, of_kind in CASES if of_kind == kind):
        text, line, column = text_with(tuple(path.split(".")), WRONG[kind])
        width = len(WRONG[kind])
        found = problems(tmp_path, text)
        if not found:
            wrong.append(f"{path}: {WRONG[kind]} is taken")
        for problem in found:
            span = problem.span
            # The value, a part of it, or the key that it stands under: always on the line of the case.
            if span is None or span.line != line or span.column + span.length > column + width:
                wrong.append(f"{path}: {WRONG[kind]}: {problem.message} at {span}, line {line}:{column}")
            if not re.fullmatch(r"TS\d{3}", problem.code) or not problem.message:
                wrong.append(f"{path}: {problem}")
    assert not wrong, "\n".join(wrong)


def test_there_is_a_case_for_every_field() -> None:
    assert {path for path, _ in CASES} == set(FIELDS)
    assert len(CASES) > 1000


SECTIONS = [
    (".".join(path), member)
    for path, info in all_paths()
    for member in members(cast(Hashable, info.annotation))
    if isinstance(member, type) and issubclass(member, Section)
]


def section_with(path: SpecPath, lines: list[str]) -> tuple[str, int]:
    """A spec in which `path` is a mapping of these lines; the number of the line before the first of them."""
    text, line, _ = text_with(path, "")
    above = text.splitlines()
    indent = len(above[line - 1]) - len(above[line - 1].lstrip()) + 2
    return "\n".join(above[:line] + [" " * indent + one for one in lines] + above[line:]) + "\n", line


@pytest.mark.parametrize(("path", "section"), SECTIONS, ids=[path for path, _ in SECTIONS])
def test_every_wrong_value_of_a_section_is_told_at_once(
    path: str, section: type[Section], tmp_path: Path
) -> None:
    keys = list(fields_of(section))
    text, line = section_with(tuple(path.split(".")), [f"{key}: [[1]]" for key in keys])
    told = {problem.span.line for problem in problems(tmp_path, text) if problem.span}
    assert told == set(range(line + 1, line + 1 + len(keys)))


@pytest.mark.parametrize(("path", "section"), SECTIONS, ids=[path for path, _ in SECTIONS])
def test_a_misspelt_key_is_underlined_and_the_nearest_named(
    path: str, section: type[Section], tmp_path: Path
) -> None:
    """Also in a section whose other lines are wrong, and in one that may stand as a list or a mapping."""
    for key in fields_of(section):
        if len(key) < 4:
            continue
        misspelt = key[:-2] + key[-1]
        needed = [one for one, of_it in fields_of(section).items() if of_it.is_required() and one != key]
        text, line = section_with(tuple(path.split(".")), [f"{misspelt}: 1", *(f"{n}: 1" for n in needed)])
        found = [p for p in problems(tmp_path, text) if p.span and p.span.line == line + 1]
        assert [(p.code, p.span and p.span.length) for p in found] == [("TS023", len(misspelt))], (key, found)
        written = text.splitlines()[line]
        assert found[0].span and written[found[0].span.column - 1 :].startswith(f"{misspelt}: ")
        assert f"`{key}`" in found[0].fix, (key, found[0])


# (path, what is written, what the message must lead to). Each offered `fix` or reading is tried by the test.
TRAPS = (
    ("algorithm.batch", '"64"'),
    ("algorithm.batch", "1_000"),
    ("algorithm.batch", "0100"),
    ("algorithm.batch", "1:30"),
    ("algorithm.batch", "64.0"),
    ("algorithm.lr", '"1e-6"'),
    ("algorithm.lr", "nan"),
    ("algorithm.lr", ".nan"),
    ("algorithm.name", "gpro"),
    ("model.dtype", "bf16"),
    ("model.dtype", "bfloat"),
    ("model.trust_remote_code", "yes"),
    ("model.trust_remote_code", '"false"'),
    ("rollout.eager", "on"),
    ("checkpoint.every", "no"),
    ("evaluation.every", "off"),
    ("tools.<name>.timeout", "1:30"),
    ("cluster.slurm.time", "12:00"),
    ("cluster.slurm.time", "12"),
    ("toolspec", "2"),
)
_OFFERS = re.compile(r"(?:^|: |, or )write (\S+?)(?:,|$)|did you mean (\S+?)\?|^(quote it)|, or (quote it)")


@pytest.mark.parametrize(("path", "value"), TRAPS)
def test_what_a_message_says_to_write_is_accepted(path: str, value: str, tmp_path: Path) -> None:
    keys = tuple(path.split("."))
    (problem, *_) = problems(tmp_path, text_with(keys, value)[0])
    offered = _OFFERS.findall(problem.fix) + _OFFERS.findall(problem.why)
    for offer in offered:
        answer = next(filter(None, offer)).strip("`")
        answer = json.dumps(value) if answer == "quote it" else answer
        left = problems(tmp_path, text_with(keys, answer)[0])
        assert left == (), f"{path}: {value}: told to write {answer}: {left[0].message}"


@pytest.fixture
def in_time() -> Iterator[None]:
    """Ends a test that hangs, as reading from a pipe without a writer does."""

    def stop(number: int, frame: FrameType | None) -> None:
        pytest.fail("still reading after two seconds")  # no OSError, which a reader may catch

    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(2)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


WHOLE = """\
toolspec: 1
name: s
model: {path: Qwen/Qwen2.5-0.5B-Instruct, chat_template: template.jinja}
data: {train: rows.jsonl, columns: {prompt: q}, system: system.md}
tools:
  look: {python: tools.py:look}
  find: {class: "find.py:Find", schema: find.json}
reward: {python: "reward.py:score"}
algorithm: grpo
agent: {class: "loop.py:Loop"}
cluster: {gpus: 1}
"""
BESIDE: Mapping[str, str] = {
    "template.jinja": "{{ messages }}",
    "rows.jsonl": '{"q": "What?"}\n',
    "system.md": "Answer.",
    "tools.py": 'def look(what: str) -> str:\n    """Look.\n\n    Args:\n        what: It.\n    """\n    return what\n',
    "find.py": "class Find:\n    pass\n",
    "find.json": json.dumps(
        {
            "type": "function",
            "function": {
                "name": "find",
                "description": "Find it.",
                "parameters": {
                    "type": "object",
                    "properties": {"what": {"type": "string", "description": "It."}},
                    "required": ["what"],
                },
            },
        }
    ),
    "reward.py": "def score(data_source, solution_str, ground_truth, extra_info=None):\n    return 0.0\n",
    "loop.py": "class Loop:\n    pass\n",
}


def compiled(folder: Path, text: str = WHOLE) -> tuple[Problem, ...]:
    (folder / "exp.yaml").write_text(text, "utf-8")
    try:
        compile_spec(folder / "exp.yaml", out=folder / "bundle")
    except ProblemError as error:
        return error.problems
    return ()


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    for name, text in BESIDE.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_the_spec_of_the_next_tests_is_right(beside: Path) -> None:
    assert compiled(beside) == ()


@pytest.mark.parametrize("state", ["missing", "a folder", "a pipe", "a link to itself", "not UTF-8", "NUL"])
@pytest.mark.parametrize("name", list(BESIDE))
def test_a_file_that_cannot_be_read_is_a_problem_at_its_name(
    name: str, state: str, beside: Path, in_time: None
) -> None:
    file = beside / name
    file.unlink()
    if state == "a folder":
        file.mkdir()
    elif state == "a pipe":
        os.mkfifo(file)
    elif state == "a link to itself":
        file.symlink_to(name)
    elif state == "not UTF-8":
        file.write_bytes(b"\xff\xfe\xff")
    elif state == "NUL":
        file.write_bytes(b'{"q": "\x00\x00')
    if name in ("rows.jsonl", "template.jinja", "system.md") and state in ("not UTF-8", "NUL"):
        return  # the rows are read by the next stage; a NUL is text of a template or a message
    (problem, *_) = compiled(beside)
    said = [number for number, line in enumerate(WHOLE.splitlines(), 1) if name in line]
    span = problem.span
    assert span is not None
    inside_the_file = state in ("not UTF-8", "NUL") and Path(span.file).name == name
    assert inside_the_file or (Path(span.file).name == "exp.yaml" and span.line in said), span


@pytest.mark.parametrize("name", list(BESIDE))
def test_a_home_folder_that_is_nobodys_is_a_problem(name: str, beside: Path) -> None:
    (problem, *_) = compiled(beside, WHOLE.replace(name, f"~no-such-user/{name}"))
    assert problem.span is not None


@pytest.mark.parametrize(
    "parent",
    ["missing.yaml", "here", "pipe", "circle", "exp.yaml", "./again.yaml", "~no-such-user/a", '"a\\0b"'],
)
def test_a_parent_that_cannot_be_read_is_a_problem_at_extends(
    parent: str, tmp_path: Path, in_time: None
) -> None:
    (tmp_path / "here").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "again.yaml").symlink_to("exp.yaml")
    (problem,) = problems(tmp_path, f"extends: {parent}\n")
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (1, 10)


@pytest.mark.parametrize(
    ("setting", "column", "length"),
    [
        ("algorithm.grop=3", 11, 4),
        ("algorthm.group=3", 1, 8),
        ("algorithm.group=many", 17, 4),
        ("algorithm.group=[1", 17, 1),
        ("algorithm.lr=.nan", 14, 4),
    ],
)
def test_a_setting_is_underlined_where_it_is_wrong(
    setting: str, column: int, length: int, tmp_path: Path
) -> None:
    (tmp_path / "exp.yaml").write_text(text_with(("name",), "s")[0], "utf-8")
    with pytest.raises(ProblemError) as caught:
        load(tmp_path / "exp.yaml", [setting])
    (problem,) = caught.value.problems
    assert problem.span is not None
    assert (problem.span.column, problem.span.length) == (column, length)


def test_a_setting_that_would_do_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "exp.yaml").write_text(text_with(("name",), "s")[0], "utf-8")
    with pytest.raises(ProblemError):
        load(tmp_path / "exp.yaml", ["extends=missing.yaml"])


@pytest.mark.parametrize("value", ["9" * 400 + "h", "9" * 30 + "d", "1e400h"])
def test_a_time_beyond_all_clocks_is_refused(value: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, text_with(("cluster", "slurm", "time"), value)[0])
    assert problem.path == "cluster.slurm.time"


@pytest.mark.parametrize(
    "override",
    [
        "{actor_rollout_ref: 1}",
        '{actor_rollout_ref.actor.grad_clip: "${nope}"}',
        '{actor_rollout_ref.actor.grad_clip: "${"}',
        '{actor_rollout_ref.actor.grad_clip: "${actor_rollout_ref.actor.grad_clip}"}',
    ],
)
def test_an_override_that_verl_cannot_resolve_is_refused(override: str, beside: Path) -> None:
    (problem,) = compiled(beside, f"{WHOLE}overrides: {override}\n")
    assert problem.span is not None
    assert problem.span.line == len(WHOLE.splitlines()) + 1


def test_a_setting_is_read_like_a_file_and_all_wrong_ones_are_told(tmp_path: Path) -> None:
    (tmp_path / "exp.yaml").write_text(text_with(("name",), "s")[0], "utf-8")
    with pytest.raises(ProblemError) as caught:
        load(tmp_path / "exp.yaml", ["algorithm={name: ppo, grop: 3}", "checkpoint.every=no"])
    unknown, never = caught.value.problems
    assert unknown.span and (unknown.span.line, unknown.span.column, unknown.span.length) == (1, 23, 4)
    assert never.span and (never.span.line, never.span.column, never.fix) == (2, 18, "write never")
    with pytest.raises(ProblemError) as caught:
        load(tmp_path / "exp.yaml", ["algorithm.group", "data.train=[1"])
    assert [p.span and p.span.line for p in caught.value.problems] == [1, 2]


# (what is written, of the message what must be in it, the whole fix): specs as people write them, who come from
# other tools. The first problem is the only one.
SLIPS = (
    ("algorithm: {name: grpo, kl: 0.001}", "not 0.001", "write {coef: 0.001}"),
    ("algorithm: {name: grpo, kl: off}", 'not "off"', "write none"),
    ("algorithm: {name: grpo, clip: [0.2, 0.28]}", "not a list", "write {low: 0.2, high: 0.28}"),
    ("algorithm: {name: grpo, learning_rate: 1e-6}", "no key", "did you mean `lr`?"),
    ("algorithm: {name: grpo, lr: {peak: 1e-6, warmup: 0.05}}", "not 0.05", "write 5%"),
    ("algorithm: GRPO", 'not "GRPO"', "did you mean grpo?"),
    ("reward: tools.py:look", "no preset", "write {python: 'tools.py:look'}"),
    ("tools: [tools.py:look]", "not a list", "write {look: 'tools.py:look'}"),
    (
        "tools: [{name: look, python: tools.py:look}]",
        "not a list",
        "write {look: {python: 'tools.py:look'}}",
    ),
    ("tools: {look: {function: tools.py:look}}", "no key", "did you mean `python`?"),
    ("model: {name: Qwen/Qwen2.5-0.5B-Instruct}", "no key", "did you mean `path`?"),
    ("data: rows.jsonl", "is needed", "write {train: rows.jsonl}"),
    ("data: {train_files: rows.jsonl}", "no key", "did you mean `train`?"),
    ("data: {train: {file: rows.jsonl}}", "no key", "did you mean `path`?"),
    ("lr: 1e-6", "no key", "here it is `algorithm.lr`"),
    ("n_gpus_per_node: 8", "no key", "here it is `cluster.gpus`"),
    ("trainer: {nnodes: 1}", "no key", "raw keys stand under `overrides` by their dotted name: `trainer.…`"),
    ("cluster: {gpus: '8'}", 'not "8"', "write 8"),
    ("cluster: {slurm: {time: 2 hours}}", "a time with its unit", "write 2h"),
    ("cluster: {slurm: {time: 1-12}}", "a time with its unit", "write 1-12:00"),
    ("cluster: {slurm: {time: 12:00}}", "or minutes and seconds", ""),
    ("rollout: {gpu_memory: 80%}", 'not "80%"', "write 0.8"),
    ("rollout: {gpu_memory: 40}", "1 or less, or auto is needed", "write 0.4"),
    ("budget: {prompt_tokens: 2k}", 'not "2k"', ""),
    ("tracking: wandbb", "one of console", "did you mean wandb?"),
    ("overrides: [a.b=0.5]", "not a list", "write {a.b: 0.5}"),
    ("description: 3", "text is needed", 'write "3"'),
    ("sweep: {algorithm.lrr: [1e-6, 2e-6]}", "`lrr`", "did you mean `lr`?"),
    ("sweep: {gird: {algorithm.lr: [1e-6]}}", "no key of `sweep`", "did you mean `grid`?"),
    ("sweep: {algorithm.lr: 1e-6}", "a list is needed", "write [1.0e-06]"),
)


@pytest.mark.parametrize(("line", "says", "fix"), SLIPS, ids=[line for line, _, _ in SLIPS])
def test_a_slip_is_one_problem_with_the_way_out(line: str, says: str, fix: str, tmp_path: Path) -> None:
    key = line.partition(":")[0]
    rest = {name: value for name, value in BASE.items() if name != key}
    text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in rest.items()) + line + "\n"
    (problem,) = problems(tmp_path, text)
    assert says in problem.message
    assert problem.fix == fix


PARENT = """\
toolspec: 1
name: s
model: {path: Qwen/Qwen2.5-3B-Instruct, revision: abc, chat_template: t.jinja, lora: {rank: 8, alpha: 16}}
data: {train: {path: rows.jsonl, columns: {prompt: q}}}
tools: {find: {class: "find.py:Find", schema: find.json, timeout: 5s}}
reward: {correct: {weight: 1, match: number, tolerance: 0.1}, format: 0.1}
algorithm: {name: ppo, batch: 64, clip: {low: 0.1, high: 0.3, dual: 4}}
agent: {class: "loop.py:Loop", config: {a: 1}}
evaluation: {every: 5, samples: 2}
tracking: {to: console, project: p}
"""
# (a bare value, what becomes of the parent's mapping): the same for a child's file and for --set.
BARE: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("algorithm", "grpo", {"name": "grpo", "batch": 64}),
    ("algorithm.clip", "0.2", {"low": 0.2, "high": 0.2, "dual": 4}),
    ("evaluation", "7", {"every": 7, "samples": 2}),
    ("tracking", "[console, wandb]", {"to": ("console", "wandb"), "project": "p"}),
    ("reward.correct", "0.5", {"weight": 0.5, "match": "number", "tolerance": 0.1}),
    # What describes the thing named goes with its name; what is said of the run stays.
    ("model", "Qwen/Qwen3-4B", {"path": "Qwen/Qwen3-4B", "revision": None, "chat_template": None}),
    ("model", "Qwen/Qwen3-4B", {"lora": {"rank": 8, "alpha": 16}}),
    ("model", "Qwen/Qwen2.5-3B-Instruct", {"revision": "abc", "chat_template": "t.jinja"}),
    ("tools.find", "tools.py:look", {"python": "tools.py:look", "class_": None, "timeout": 5}),
    ("agent", "tool_agent", {"name": "tool_agent", "class_": None, "config": {}}),
    # A preset is a whole reward.
    ("reward", "tool_calling", {"format": None}),
)


@pytest.mark.parametrize(("path", "value", "expected"), BARE)
@pytest.mark.parametrize("way", ["extends", "--set"])
def test_a_bare_value_means_its_long_form_over_a_parent(
    way: str, path: str, value: str, expected: Mapping[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "base.yaml").write_text(PARENT, "utf-8")
    first, *rest = path.split(".")
    inner = "".join(f"{{{key}: " for key in rest) + value + "}" * len(rest)
    (tmp_path / "exp.yaml").write_text(f"extends: base.yaml\n{first}: {inner}\n", "utf-8")
    loaded = (
        load(tmp_path / "exp.yaml") if way == "extends" else load(tmp_path / "base.yaml", [f"{path}={value}"])
    )
    found: Any = loaded.spec
    for key in path.split("."):
        found = found[key] if isinstance(found, Mapping) else getattr(found, key)
    dumped = found.model_dump()
    for key, one in expected.items():
        at = dumped[key]
        assert {k: at[k] for k in one} == one if isinstance(one, dict) and one else at == one, key


def test_a_mapping_over_a_short_form_keeps_the_place_of_both(tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    parent = PARENT.replace(PARENT.splitlines()[2], "model: ./local")
    parent = parent.replace(PARENT.splitlines()[5], "reward: tool_calling")
    (tmp_path / "up" / "base.yaml").write_text(parent, "utf-8")
    text = "extends: up/base.yaml\nmodel: {lora: 8}\nreward: {valid_call: 0.5}\n"
    (tmp_path / "exp.yaml").write_text(text, "utf-8")
    loaded = load(tmp_path / "exp.yaml")
    assert loaded.base(("model", "path")) == tmp_path / "up"
    assert [name for name, _ in loaded.spec.reward.terms] == [
        "correct",
        "valid_call",
        "extra_call",
        "bad_call",
    ]
    assert loaded.spec.reward.valid_call is not None and loaded.spec.reward.valid_call.weight == 0.5


def test_two_settings_of_one_thing_do_not_depend_on_their_order(tmp_path: Path) -> None:
    (tmp_path / "exp.yaml").write_text(PARENT, "utf-8")
    sets = ["model=Qwen/Qwen3-4B", "model.chat_template=mine.jinja", "algorithm=grpo", "algorithm.group=4"]
    first, second = (load(tmp_path / "exp.yaml", order).spec for order in (sets, sets[::-1]))
    assert first == second
    assert (first.model.chat_template, first.model.revision, first.algorithm.group) == ("mine.jinja", None, 4)


def test_a_setting_of_one_entry_of_a_list_is_refused(tmp_path: Path) -> None:
    text = PARENT.replace("{path: rows.jsonl, columns: {prompt: q}}", "[a.jsonl, b.jsonl]")
    (tmp_path / "exp.yaml").write_text(text, "utf-8")
    with pytest.raises(ProblemError) as caught:
        load(tmp_path / "exp.yaml", ["data.train.0=c.jsonl"])
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("TS022", "data.train")


@pytest.mark.parametrize("name", ["n" * 300, "/dev/null", "/proc/self/status"])
def test_a_name_of_no_file_is_refused_in_a_sentence(name: str, beside: Path, in_time: None) -> None:
    (problem, *_) = compiled(beside, WHOLE.replace("template.jinja", name))
    assert (problem.code, problem.path) == ("TS020", "model.chat_template")
    assert problem.span and problem.span.line == 3


@pytest.mark.parametrize("path", ["checkpoint.dir", "checkpoint.resume"])
def test_a_folder_in_the_home_of_nobody_is_refused(path: str, beside: Path) -> None:
    section, key = path.split(".")
    (problem,) = compiled(beside, f"{WHOLE}{section}: {{{key}: ~no-such-user/global_step_1}}\n")
    assert (problem.code, problem.path) == ("TS020", path)


def test_every_file_that_cannot_be_read_is_told_at_once(beside: Path) -> None:
    for name in BESIDE:
        (beside / name).unlink()
        (beside / name).mkdir()
    found = compiled(beside)
    assert {(p.code, p.message.partition(": ")[2]) for p in found} == {("TS020", "it is a folder")}
    assert len(found) == len(BESIDE)
