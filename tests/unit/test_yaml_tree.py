"""Reading YAML with places: the values of a plain load, every fault at its place, and no way to crash."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolspec.specs import compose
from toolspec.specs.complaints import MAX_DEPTH, MAX_PROBLEMS, MAX_VALUES
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, ProblemError, Span
from toolspec.specs.source import CODES, MAX_BYTES, show_lines
from toolspec.specs.yaml_tree import Tree, parse, parse_value

SPEC = """\
# the seed
toolspec: 1
model: Qwen/Qwen2.5-3B-Instruct   # hub name
data: {train: "~/a b.parquet", val: [x.parquet, 'y']}
reward:
  correct: {weight: 1.0, match: number}
  valid_call: .2
cluster:
  - 日本: yes
notes: |
  two
  lines
"""


def faults(source: str | bytes) -> list[Problem]:
    data = source if isinstance(source, bytes) else source.encode()
    with pytest.raises(ProblemError) as caught:
        parse(data, "exp.yaml")
    return list(caught.value.problems)


def told(source: str | bytes) -> list[tuple[str, int, int]]:
    """(name, line, column) of every problem."""
    return [(p.name, p.span.line, p.span.column) for p in faults(source) if p.span]


def test_values_and_places() -> None:
    tree = parse(SPEC.encode(), "exp.yaml")
    assert tree.value == {
        "toolspec": 1,
        "model": "Qwen/Qwen2.5-3B-Instruct",
        "data": {"train": "~/a b.parquet", "val": ["x.parquet", "y"]},
        "reward": {"correct": {"weight": 1.0, "match": "number"}, "valid_call": 0.2},
        "cluster": [{"日本": "yes"}],
        "notes": "two\nlines\n",
    }
    places = {
        ("toolspec",): (2, 11, 1),
        ("model",): (3, 8, 24),
        ("data",): (4, 7, 47),
        ("data", "train"): (4, 15, 15),
        ("data", "val", 1): (4, 49, 3),
        ("reward",): (6, 3, 37),
        ("reward", "valid_call"): (7, 15, 2),
        ("cluster", 0, "日本"): (9, 9, 3),
        ("notes",): (10, 8, 1),
    }
    assert {path: tree.spans[path] for path in places} == {
        path: Span("exp.yaml", *place) for path, place in places.items()
    }
    assert tree.key_spans["reward", "valid_call"] == Span("exp.yaml", 7, 3, 10)
    assert tree.key_spans["cluster", 0, "日本"] == Span("exp.yaml", 9, 5, 2)
    assert tree.quoted == {("data", "train"), ("data", "val", 1), ("notes",)}
    assert list(tree.ambiguous) == [("cluster", 0, "日本")]
    assert tree.lines[1] == "toolspec: 1"
    assert tree.nearest_span(("reward", "correct", "cap")) == tree.spans["reward", "correct"]
    assert tree.nearest_span(("nowhere",)) == tree.spans[()]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("? a", 1, 3), ("? a\n? b\n", 1, 3), ("x:\n  ? a\n", 2, 5), ("a:\n  ''\n", 2, 3), ("a:\nb: 1\n", 1, 3)],
)
def test_nothing_stands_at_its_key(text: str, line: int, column: int) -> None:
    """Also where libyaml puts it at the next token, or below the last line."""
    tree = parse(text.encode(), "exp.yaml")
    path = ("x", "a") if text.startswith("x") else ("a",)
    assert (tree.spans[path].line, tree.spans[path].column) == (line, column)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6), ("1.0e-6", 1e-6), (".5", 0.5), ("5.", 5.0), ("+.5E+3", 500.0), ("-0", 0), ("+7", 7),
        ("0x1F", 31), ("0o17", 15), ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)),
        ("true", True), ("TRUE", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("nan", "nan"), ("inf", "inf"), ("2024-01-01", "2024-01-01"), ("1.2.3", "1.2.3"), ("12h", "12h"),
        ("0.9.1", "0.9.1"), ("'1'", "1"), ("!!str 1", "1"), ("! 1", "1"), ("!!float 1", 1), ("-x", "-x"),
        ("-.", "-."),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    tree = parse(f"a: {text}\n".encode(), "exp.yaml")
    assert (type(tree.value["a"]), tree.value["a"]) == (type(value), value)
    assert not tree.ambiguous


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("yes", "true in YAML 1.1: write true"), ("Off", "false in YAML 1.1: write false"),
        ("y", "true in YAML 1.1"), ("tRUE", "only true, True and TRUE"),
        ("012", "10 in YAML 1.1 and 12 in YAML 1.2"), ("08", "text in YAML 1.1 and 8 in YAML 1.2"),
        ("1_000", "1000 in YAML 1.1"), ("12:30:00", "45000 in YAML 1.1"), ("-1:30.5", "-90.5 in YAML 1.1"),
        ("0b101", "5 in YAML 1.1"), ("-0x1f", "-31 in YAML 1.1"), ("1_0.5", "10.5 in YAML 1.1"),
    ],
)  # fmt: skip
def test_traps_of_yaml_1_1_stay_text_and_are_noted(text: str, says: str) -> None:
    tree = parse(f"a: {text}\nb: '{text}'\n".encode(), "exp.yaml")
    assert tree.value == {"a": text, "b": text}
    assert list(tree.ambiguous) == [("a",)]
    assert says in tree.ambiguous["a",]
    assert "quote it" in tree.ambiguous["a",]


def test_the_note_gives_what_a_yaml_1_1_reader_reads() -> None:
    for text in (
        "0_7",
        "1_0",
        "1:0",
        "190:20:30",
        "190:20:30.15",
        "+1_2",
        "0b1_0",
        "-012",
        "0x_F",
        "1_2.e+3",
    ):
        note = parse(f"a: {text}\n".encode(), "exp.yaml").ambiguous["a",]
        assert str(yaml.load(text, yaml.SafeLoader)) in note, text


def test_aliases_and_merge_keys() -> None:
    text = "base: &b {x: 1, y: {z: no}}\nuse: *b\nown: {<<: *b, x: 2}\nall: {<<: [{x: 3}, *b]}\n"
    tree = parse(text.encode(), "exp.yaml")
    assert tree.value == {**yaml.load(text, yaml.SafeLoader), "base": {"x": 1, "y": {"z": "no"}}} | {
        key: {"x": x, "y": {"z": "no"}} for key, x in (("use", 1), ("own", 2), ("all", 3))
    }
    assert tree.spans["use",] == Span("exp.yaml", 2, 6, 2)
    assert tree.spans["use", "y", "z"] == tree.spans["own", "y", "z"] == tree.spans["base", "y", "z"]
    assert tree.spans["own", "x"].line == 3
    assert ("own", "y", "z") in tree.ambiguous
    tree.value["use"]["y"]["z"] = "changed"
    assert tree.value["base"]["y"]["z"] == "no"


@pytest.mark.parametrize(
    ("text", "name", "line", "column", "says"),
    [
        ("a:\n\tb: 1\n", "tab", 2, 1, "only spaces"),
        ("a: 1\n\tb: 1\n", "tab", 2, 1, "only spaces"),
        ("a: 1\nb:2\nc: 3\n", "syntax", 2, 1, "no space after the colon of `b:`"),
        ("a:\n  t:5\n  p: 3\n", "syntax", 2, 3, "no space after the colon of `t:`"),
        ("t:5", "syntax", 1, 1, "no space after the colon of `t:`"),
        ("c: {gpus:8, n: 1}", "syntax", 1, 5, "no space after the colon of `gpus:`"),
        ("a: b: c", "syntax", 1, 5, "a second `: `"),
        ("a: 1\n b: 2", "syntax", 2, 2, "`b` is indented below `1`"),
        ("a:\n  b: 1\n c: 2\n", "syntax", 3, 2, "indented by 1, the mapping around it by 0"),
        ("a: - b", "syntax", 1, 4, "cannot begin on the line of its key"),
        ("a: 1\n- b\n", "syntax", 2, 1, "among the `key: value` lines"),
        ("a: 'x\nb: 3\n", "syntax", 1, 4, "the quote ' that opens here is never closed"),
        ("a: 'it's'\n", "syntax", 1, 8, "after the end of the quote"),
        ('a: "x\nb: "y"\n', "syntax", 2, 5, "the quote that opens on line 1"),
        ("a: [1,2\nb: 3", "syntax", 1, 4, "the `[` that opens here is not closed before line 2"),
        ("a: {x: [1, 2}", "syntax", 1, 13, "the `[` of line 1, column 8 is still open"),
        ('{\n "a": 1\n "b": 2\n}', "syntax", 3, 5, "a `,` or `}` is missing"),
        ("a: {b: 1}}\n", "syntax", 1, 10, "a `}` too many"),
        ("a: @x", "syntax", 1, 4, "cannot begin with `@`"),
        ("a: *.parquet", "syntax", 1, 4, "`*` begins an alias"),
        ("a: 1\nb\nc: 2\n", "syntax", 2, 1, "neither `key: value` nor"),
        ('a: "\\q"', "syntax", 1, 5, "no escape"),
        ("a: {{ x }}", "key-not-text", 1, 5, "the key is a mapping"),
        ("a: {b: 1, 2: 3}", "key-not-text", 1, 11, "`2` is a number"),
        ("null: 3", "key-not-text", 1, 1, "is nothing"),
        ("[1]: 3", "key-not-text", 1, 1, "is a list"),
        ("a: &x b\n*x : 3", "key-not-text", 2, 1, "is an alias"),
        ("a: 1\nb: {c: 2,\n  c: 3}", "duplicate-key", 3, 3, "`c` is already given on line 2: b: {c: 2,"),
        ("a: .NaN", "number-range", 1, 4, "not a finite number"),
        ("a: -.inf", "number-range", 1, 4, "not a finite number"),
        ("a: 1e999", "number-range", 1, 4, "too large"),
        ("a: 9223372036854775808", "number-range", 1, 4, "64 bits"),
        ("a: [*y]", "alias", 1, 5, "no `&y` comes before"),
        ("a: &x [*x]", "alias", 1, 8, "inside the value that it names"),
        ("a: {<<: 3}", "merge-key", 1, 9, "takes a mapping"),
        ("a: !!python/object/apply:os.system [id]", "tag", 1, 4, "!!python/object/apply:os.system"),
        ("a: !!int x", "tag", 1, 4, "`x` is no !!int"),
        ("a: !env HOME", "tag", 1, 4, "`!env`"),
        ("a: 1\n---\nb: 2\n", "several-documents", 2, 1, "second document"),
        ("", "empty-file", 1, 1, "is empty"),
        ("# a\n", "empty-file", 1, 1, "holds only comments"),
        ("---\n", "empty-file", 1, 1, "is empty"),
        ("- a\n", "not-a-mapping", 1, 1, "is a list"),
        ("just text\n", "not-a-mapping", 1, 1, "is text"),
        ("3\n", "not-a-mapping", 1, 1, "is a number"),
        ("a: \0", "control-character", 1, 4, "U+0000"),
        ("a: 1\nb: \x1b[31m", "control-character", 2, 4, "U+001B"),
        ("\u200ba: 1", "control-character", 1, 1, "U+200B"),
        ("\ufeffa: \ufeffb", "control-character", 1, 4, "byte order mark"),
    ],
)  # fmt: skip
def test_every_fault_has_its_name_place_and_words(
    text: str, name: str, line: int, column: int, says: str
) -> None:
    (problem,) = faults(text)
    assert (problem.name, problem.span and (problem.span.line, problem.span.column)) == (name, (line, column))
    assert says in problem.message
    assert problem.code == CODES[name][0]


def test_a_fix_can_be_pasted() -> None:
    for text in ("a: b: c", "a: @x", "a: *.parquet", "t:5", "a: &", "a: `x`"):
        fix = faults(text)[0].fix
        assert isinstance(parse(fix.encode(), "exp.yaml").value, dict), fix


def test_all_faults_at_once_in_file_order() -> None:
    text = "a: 1\na: 2\n3: x\nb: {c: .nan, d: !x y}\ne: *z\nf: [1\n"
    names = ["duplicate-key", "key-not-text", "number-range", "tag", "alias", "syntax"]
    assert [name for name, _, _ in told(text)] == names
    assert [p.path for p in faults(text)] == ["a", "3", "b.c", "b.d", "e", ""]


def test_encodings() -> None:
    assert parse(b"\xef\xbb\xbfa: 1\n", "exp.yaml").spans["a",] == Span("exp.yaml", 1, 4, 1)
    (bad,) = faults("x: ü\ny: ü\n".encode() + b"z: \xe9")
    assert (bad.name, bad.span) == ("not-utf8", Span("exp.yaml", 3, 4))
    assert "byte 15 is 0xe9" in bad.message
    for encoding, says in (("utf-16-le", "little-endian"), ("utf-16-be", "big-endian")):
        assert says in faults("\ufeffa: 1\n".encode(encoding))[0].message
    assert "UTF-16" in faults("a: 1\n".encode("utf-16-le"))[0].fix


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\x85", "\u2028"])
def test_lines_are_counted_as_libyaml_counts_them(line_break: str) -> None:
    tree = parse(f"a: 1{line_break}b: 2{line_break}".encode(), "exp.yaml")
    assert tree.spans["b",] == Span("exp.yaml", 2, 4, 1)
    assert tree.lines[1] == "b: 2"


@pytest.mark.slow
def test_limits() -> None:
    assert told(b"a: " + b"x" * MAX_BYTES) == [("file-too-large", 1, 1)]
    assert len(parse(b"a: " + b"x" * (MAX_BYTES - 3), "exp.yaml").value["a"]) == MAX_BYTES - 3
    nested = MAX_DEPTH - 1
    assert parse(f"a: {'[' * nested}{']' * nested}".encode(), "exp.yaml").value
    assert told(f"a: {'[' * (nested + 1)}") == [("too-deep", 1, 4 + nested)]
    assert [name for name, _, _ in told("a: " + "[" * 5000)] == ["too-deep"]
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, nested + 1))
    assert told(chain) == [("too-deep", MAX_DEPTH, len(f"a{nested}: &a{nested} [") + 1)]
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
    assert [name for name, _, _ in told(bomb)] == ["too-many-values"]
    assert [name for name, _, _ in told("a: [" + "1," * MAX_VALUES + "]")] == ["too-many-values"]
    assert len(faults("a: 1\n" * 10_000)) == MAX_PROBLEMS
    assert faults("a: " + "9" * 100_000)[0].name == "number-range"
    assert faults("a: 0x" + "F" * 100_000)[0].name == "number-range"


def test_parse_value() -> None:
    assert parse_value("[1, {a: 1e-6}, yes]") == [1, {"a": 1e-6}, "yes"]
    assert parse_value("0.5") == 0.5
    assert parse_value("") is None
    assert parse_value("tools.py:calculator") == "tools.py:calculator"
    for text in ("[1", "a: b: c", "\udcff", "!!python/name:os.system ''", ".nan"):
        with pytest.raises(ProblemError) as caught:
            parse_value(text)
        assert caught.value.problems[0].span and caught.value.problems[0].span.file == "--set"


def test_the_pure_loader_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    before = parse(SPEC.encode(), "exp.yaml")
    messages = {
        text: faults(text)[0].message
        for text in ("a: b: c", "a: [1", "a: 'x", "a: @x", "a: 1\n- b", "{a: 1} b")
    }
    monkeypatch.setattr(compose, "_LOADER", yaml.SafeLoader)
    after = parse(SPEC.encode(), "exp.yaml")
    assert after.value == before.value
    # The end of a block scalar is one mark earlier there; nothing else differs.
    assert [after.spans[p] for p in after.spans] == [before.spans[p] for p in before.spans]
    assert {text: faults(text)[0].message for text in messages} == messages


def check_tree(tree: Tree) -> None:
    """Every value and key has a place inside the source."""
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), tree.value)]
    while pending:
        path, value = pending.pop()
        span = tree.spans[path]
        assert 1 <= span.line <= len(tree.lines)
        assert 1 <= span.column <= len(tree.lines[span.line - 1]) + 1
        assert span.length >= 1
        if isinstance(value, dict):
            for key, item in value.items():
                below = (*path, key)
                place = tree.key_spans[below]
                assert tree.lines[place.line - 1][place.column - 1 :]
                pending.append(((*path, key), item))
        elif isinstance(value, list):
            pending.extend(((*path, index), item) for index, item in enumerate(value))


def survives(data: bytes) -> None:
    try:
        tree = parse(data, "exp.yaml")
    except ProblemError as error:
        assert error.problems
        lines = show_lines(data)
        for problem in error.problems:
            assert problem.span and 1 <= problem.span.line <= len(lines)
            assert CODES[problem.name][0] == problem.code
            assert problem.message == problem.message.strip() != ""
            assert "did not find" not in problem.message
    else:
        check_tree(tree)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200)
    | st.text("ab:,-[]{}&*!|>'\"%@`#? \t\n\r.0e_<~\x85\xa0", max_size=60).map(str.encode)
)
@example(b"\xef\xbb\xbf\xff")
@example(b"? &a [*a]\n: *a")
@example(b"<<: [<<: *a]\n")
@example(b"? ? a\n")
@example(b"? ;")
@example(b"a: !<tag:yaml.org,2002:str> {}")
def test_no_bytes_crash_it(data: bytes) -> None:
    survives(data)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_mutation_of_a_spec_crashes_it(data: st.DataObject) -> None:
    text = SPEC.encode()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        drop = data.draw(st.integers(0, 4))
        piece = data.draw(
            st.sampled_from(
                [
                    b"",
                    b"\t",
                    b"[",
                    b"}",
                    b"'",
                    b'"',
                    b": ",
                    b"- ",
                    b"\n",
                    b"&a ",
                    b"*a",
                    b"<<: ",
                    b"\x00",
                    b"!x ",
                ]
            )
        )
        text = text[:at] + piece + text[at + drop :]
    survives(text)


# Text like a number is left out: 1.1 and 1.2 differ there by design (`1e5`), and 1.1 does not quote it.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"], exclude_characters="\ufeff"),
    max_size=12,
).filter(lambda text: not text[:1] or text[0] not in "+-.0123456789")
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
KEYS = st.text("abcdefgh_-. é", min_size=1, max_size=8)
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        PLAIN,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=12,
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(TREES, st.booleans(), st.booleans(), st.integers(20, 120))
@pytest.mark.slow
def test_it_reads_what_a_plain_load_reads(
    value: dict[str, Any], flow: bool, unicode: bool, width: int
) -> None:
    text = yaml.dump(
        value, Dumper=yaml.SafeDumper, default_flow_style=flow, allow_unicode=unicode, width=width
    )
    tree = parse(text.encode(), "exp.yaml")
    assert tree.value == yaml.load(text, yaml.SafeLoader) == value
    check_tree(tree)


def test_nearest() -> None:
    known = [
        "prompt_tokens",
        "trajectory_tokens",
        "turns",
        "tool_response_tokens",
        "gpu_hours",
        "steps",
        "lr",
        "kl",
    ]
    expected = {
        "promt_tokens": "prompt_tokens", "PromptTokens": "prompt_tokens", "prompt-tokens": "prompt_tokens",
        "tokens_prompt": "prompt_tokens", "prompt": "prompt_tokens", "tunrs": "turns", "step": "steps",
        "gpuhours": "gpu_hours", "rl": "lr", "responce_tokens": "tool_response_tokens",
    }  # fmt: skip
    assert {word: nearest(word, known)[:1] for word in expected} == {w: [c] for w, c in expected.items()}
    for word in ("", "zzz", "-", "x" * 10_000, "batch"):
        assert nearest(word, known) == []
    assert nearest("tokens", known, limit=2) == ["prompt_tokens", "trajectory_tokens"]
