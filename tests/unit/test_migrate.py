"""`migrate`: the text keeps everything that it need not change, and means what it meant."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from toolspec.backends.verl.compile import compile_spec
from toolspec.backends.verl.diff import compare
from toolspec.backends.verl.lower.table import TABLE
from toolspec.backends.verl.migrate import Migration, edit_overrides, migrate
from toolspec.backends.verl.releases import RELEASES, TABLES, release
from toolspec.backends.verl.renames import BY_RELEASE, GONE, LEGACY, name_in
from toolspec.backends.verl.side import side_of_spec
from toolspec.backends.verl.yaml_text import YamlText
from toolspec.cli.migrate import migrate as command
from toolspec.specs.problem import ProblemError

HEAD = """\
# Möbius 💡 — a comment that stays
toolspec: 1
name: calc     # the name
model: {path: ./model, tool_format: hermes}   # "quoted"
data: {train: train.parquet}
reward:
    valid_call: 0.2      # four blanks
    correct: {weight: 1.0, match: number}
algorithm: &a ppo
rollout: {tensor_parallel: 1}
"""
PAIRS = [pair for pair in itertools.product(RELEASES, RELEASES) if pair[0] != pair[1]]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return tmp_path / "exp.yaml"


def moved(spec: Path, text: str, target: str = "0.9.1") -> Migration:
    spec.write_bytes(text.encode())
    return migrate(spec, target)


@pytest.mark.parametrize(("start", "end"), PAIRS)
@pytest.mark.parametrize(
    "written", ["target: verl=={}\n", "target: '{}'   # pinned\n", 'target: &t "verl == {}"\n']
)
def test_there_and_back_is_the_same_text_and_the_same_meaning(
    spec: Path, start: str, end: str, written: str
) -> None:
    text = HEAD + written.format(start)
    there = moved(spec, text, end)
    assert not there.problems
    changed = [
        (a, b) for a, b in zip(text.splitlines(), there.after.decode().splitlines(), strict=True) if a != b
    ]
    assert len(changed) == 1 and changed[0][0].startswith("target") and end in changed[0][1]
    spec.write_bytes(there.after)
    assert compile_spec(spec).plan.target == end
    back = migrate(spec, start)
    assert back.after.decode().replace("verl==", "verl == ") == text.replace("verl==", "verl == ")
    spec.write_bytes(back.after)
    after = side_of_spec(compile_spec(spec), "")
    spec.write_text(text)
    assert compare(side_of_spec(compile_spec(spec), ""), after).empty


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_line_breaks_and_the_byte_order_mark_stay(spec: Path, newline: str, mark: str, end: str) -> None:
    lines = [*HEAD.splitlines(), "overrides:", "  critic.model.fsdp_config.fsdp_size: 2"]
    result = moved(spec, mark + newline.join(lines) + end)
    expected = [*lines[:3], "target: verl==0.9.1", *lines[3:-1], "  critic.fsdp.fsdp_size: 2"]
    assert result.after.decode() == mark + newline.join(expected) + end


def test_a_target_is_added_below_the_name(spec: Path) -> None:
    assert (
        "name: calc     # the name\ntarget: verl==0.8.0\nmodel:" in moved(spec, HEAD, "0.8.0").after.decode()
    )
    flow = "{toolspec: 1, name: calc, model: {path: ./m, tool_format: hermes}, data: {train: t.parquet}, "
    flow += "reward: {valid_call: 0.2}, algorithm: ppo, rollout: {tensor_parallel: 1}}\n"
    assert "name: calc, target: verl==0.8.0, model" in moved(spec, flow, "0.8.0").after.decode()
    (spec.parent / "base.yaml").write_text(HEAD)
    child = moved(spec, "extends: base.yaml\nbudget: {turns: 3}\n", "0.8.0")
    assert child.after.decode() == "target: verl==0.8.0\nextends: base.yaml\nbudget: {turns: 3}\n"
    assert not child.problems


def test_a_target_that_is_an_alias_is_written_out(spec: Path) -> None:
    text = HEAD.replace("name: calc ", "description: &v verl==0.8.0\nname: calc ") + "target: *v\n"
    assert moved(spec, text).after.decode() == text.replace("target: *v", "target: verl==0.9.1")


# Override, release before, release after → the line as it becomes; None where it is dropped.
OVERRIDES = [
    ("critic.model.fsdp_config.fsdp_size: 2", "0.7.1", "0.8.0", "critic.fsdp.fsdp_size: 2"),
    ("critic.fsdp.fsdp_size: 2", "0.9.1", "0.7.1", "critic.model.fsdp_config.fsdp_size: 2"),
    ("'critic.fsdp': {fsdp_size: 2} # x", "0.8.0", "0.7.1", "'critic.model.fsdp_config': {fsdp_size: 2} # x"),
    ("reward_model.num_workers: 4", "0.8.0", "0.9.1", "reward.num_workers: 4"),
    ("reward_model.num_workers: 4", "0.7.1", "0.8.0", "reward_model.num_workers: 4"),
    ("actor_rollout_ref.actor.grad_clip: 0.5", "0.7.1", "0.9.1", "actor_rollout_ref.actor.grad_clip: 0.5"),
    ("data.truncation: left", "0.8.0", "0.9.1", None),
    ("trainer.use_legacy_worker_impl: disable", "0.7.1", "0.8.0", None),
    ("actor_rollout_ref.nccl_timeout: 60", "0.7.1", "0.8.0", None),
    ("trainer.v1.trainer_mode: sync", "0.9.1", "0.8.0", None),
]


@pytest.mark.parametrize(("line", "start", "end", "expected"), OVERRIDES)
def test_an_override_follows_its_key(
    spec: Path, line: str, start: str, end: str, expected: str | None
) -> None:
    text = f"{HEAD}target: verl=={start}\noverrides:\n  # above\n  {line}\n  # below\n"
    text += "  trainer.val_only: false\n"
    result = moved(spec, text, end)
    assert not result.problems, result.problems
    after = result.after.decode()
    if expected is not None:
        assert after == text.replace(f"verl=={start}", f"verl=={end}").replace(line, expected)
    else:
        assert f"  # above\n  # dropped for verl {end}, wh" in after
        assert f":\n  # {line}\n  # below\n" in after
    # What is done is done: another round changes nothing.
    spec.write_bytes(result.after)
    assert migrate(spec, end).edits == ()


def test_the_last_override_leaves_an_empty_mapping(spec: Path) -> None:
    block = moved(spec, f"{HEAD}target: 0.8.0\noverrides:   # raw\n  data.truncation: left\n").after.decode()
    assert "target: 0.9.1\noverrides: {}   # raw\n  # dropped" in block
    flow = moved(spec, f"{HEAD}target: 0.8.0\noverrides: {{data.truncation: left}}\n").after.decode()
    assert flow.endswith("data.truncation: left\noverrides: {}\n")


ENTRIES = {
    "data.truncation": ("left", None),
    "actor_rollout_ref.nccl_timeout": ("60", None),
    "critic.model.fsdp_config.fsdp_size": ("2", "critic.fsdp.fsdp_size"),
    "trainer.val_only": ("false", "trainer.val_only"),
    "trainer.logger": ("[console,\n      wandb]", "trainer.logger"),
    "trainer.use_legacy_worker_impl": ("|-\n    disable", None),
    "critic.model.override_config": ("{a: {b: 1}}", "critic.model.override_config"),
}
QUOTES = st.sampled_from(["", "'", '"'])


@given(
    keys=st.lists(st.sampled_from(sorted(ENTRIES)), unique=True, min_size=1),
    quotes=st.lists(QUOTES, min_size=7, max_size=7),
    gaps=st.lists(
        st.sampled_from(["", '  # it\'s {odd}, "so"', "\n", "\n  # own line"]), min_size=7, max_size=7
    ),
    flow=st.booleans(),
    comma=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_any_mix_of_overrides_is_edited(
    keys: list[str], quotes: list[str], gaps: list[str], flow: bool, comma: bool
) -> None:
    rows = list(zip(keys, quotes, gaps, strict=False))
    if flow:
        rows = [row for row in rows if "|" not in ENTRIES[row[0]][0]] or [("data.truncation", "", "")]
        parts = [f"{q}{key}{q}: {ENTRIES[key][0]}" for key, q, _ in rows]
        body = "overrides: {" + ", ".join(parts) + (", }\n" if comma else "}\n")
    else:
        parts = [
            f"  {q}{key}{q}: {ENTRIES[key][0]}{'' if '|' in ENTRIES[key][0] else gap}\n"
            for key, q, gap in rows
        ]
        body = "overrides:\n" + "".join(parts)
    text = YamlText((HEAD + "target: 0.7.1\n" + body + "# the end\n").encode(), "exp.yaml")
    expected = dict(text.value)
    edits = edit_overrides(text, expected, "0.7.1", "0.9.1")
    after = text.edited(expected)  # raises where the text does not say `expected`
    wanted = [new for key, _, _ in rows if (new := ENTRIES[key][1])]
    assert list(YamlText(after, "exp.yaml").value["overrides"]) == wanted
    assert len(edits) == sum(ENTRIES[key][1] != key for key, _, _ in rows)
    lines = after.decode()
    assert lines.startswith(HEAD) and lines.endswith("# the end\n")
    for key, _, _ in rows:
        assert (ENTRIES[key][1] or key) in lines, "what is dropped stays readable"


def test_a_text_that_would_be_spoilt_is_refused(tmp_path: Path) -> None:
    text = YamlText(HEAD.encode(), "exp.yaml")
    text.rename(text.entries["name",], "title")
    with pytest.raises(ProblemError) as error:
        text.edited(text.value)
    assert error.value.problems[0].code == "TS804"


def test_what_is_lost_is_for_the_user_to_decide(spec: Path) -> None:
    key = "actor_rollout_ref.rollout.multi_turn.interaction_config_path"
    (decision,) = moved(spec, f"{HEAD}target: 0.7.1\noverrides:\n  {key}: i.yaml\n", "0.8.0").decisions
    assert decision.startswith(f"{key} is dropped, and with it the interaction")
    (decision,) = moved(spec, f"{HEAD}target: 0.8.0\noverrides:\n  trainer.balance_batch: false\n").decisions
    assert "trainer.balance_batch is not read by trainer v1" in decision
    nested = f"{HEAD}target: 0.7.1\noverrides:\n  critic.model: {{fsdp_config: {{fsdp_size: 2}}}}\n"
    decisions = moved(spec, nested, "0.8.0").decisions
    assert any("it is critic.fsdp.fsdp_size there" in text for text in decisions)
    both = f"{HEAD}target: 0.8.0\noverrides: {{reward_model.num_workers: 2, reward.num_workers: 4}}\n"
    result = moved(spec, both)
    assert any("both are given" in text for text in result.decisions)
    (spec.parent / "base.yaml").write_text(HEAD + "overrides: {data.truncation: left}\n")
    (decision,) = moved(spec, "extends: base.yaml\ntarget: 0.8.0\n").decisions
    assert "base.yaml:" in decision and "data.truncation" in decision


def test_a_sweep_over_an_override_follows_its_key(spec: Path) -> None:
    text = HEAD + "target: 0.7.1\nsweep: {overrides.critic.model.fsdp_config.fsdp_size: [1, 2]}\n"
    after = moved(spec, text, "0.8.0").after.decode()
    assert after.endswith("sweep: {overrides.critic.fsdp.fsdp_size: [1, 2]}\n")


def test_changes_in_the_meaning_are_said_with_what_keeps_the_old(spec: Path) -> None:
    result = moved(spec, HEAD + "target: verl==0.8.0\n")
    assert result.changes is not None
    assert {change.key: change.keep for change in result.changes} == {
        "trainer.use_v1": "train.trainer: v0",
        "actor_rollout_ref.rollout.calculate_log_probs": "overrides: "
        "{actor_rollout_ref.rollout.calculate_log_probs: false}",
    }
    assert moved(spec, HEAD + "target: verl==0.7.1\n", "0.8.0").changes == ()
    # Of a release that nobody can compile for, the meaning is not known; the spec is moved all the same.
    old = moved(spec, HEAD + "target: verl==0.6.1\n")
    assert (old.source, old.changes, old.problems) == (None, None, ())
    assert b"target: verl==0.9.1" in old.after


def test_what_the_release_cannot_express_is_a_problem(spec: Path) -> None:
    spec.write_text(HEAD.replace("&a ppo", "dapo") + "target: verl==0.9.1\n")
    before = spec.read_bytes()
    result = CliRunner().invoke(command, [str(spec), "--to", "verl==0.8.0"], standalone_mode=False)
    assert result.return_value == 1
    assert "algorithm.filter" in result.output and "does not compile for verl 0.8.0" in result.output
    assert spec.read_bytes() == before


def test_the_file_is_written_when_asked(spec: Path) -> None:
    spec.write_text(HEAD + "target: verl==0.8.0\n")
    spec.chmod(0o640)
    link = spec.with_name("link.yaml")
    link.symlink_to(spec.name)
    run = CliRunner()
    shown = run.invoke(command, [str(link), "--to", "0.9.1"])
    assert "-target: verl==0.8.0\n+target: verl==0.9.1\n" in shown.output and b"0.8.0" in spec.read_bytes()
    document = json.loads(
        run.invoke(command, [str(link), "--to", "0.9.1", "--write", "--format", "json"]).output
    )
    assert (document["written"], document["from"], document["to"]) == (True, "0.8.0", "0.9.1")
    assert spec.read_text() == HEAD + "target: verl==0.9.1\n"
    assert link.is_symlink() and spec.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in spec.parent.iterdir()) == ["exp.yaml", "link.yaml"]
    again = run.invoke(command, [str(link), "--to", "0.9.1", "--write"])
    assert "nothing to change for verl 0.9.1" in again.output


# Keys of releases before the first table, which scripts still have.
OLDER = ("reward_model.launch_reward_fn_async", "actor_rollout_ref.rollout.agent.custom_agent_loop_loader")


def test_the_tables_of_names_agree_with_the_releases() -> None:
    for new in LEGACY.values():
        for version in RELEASES:
            known = release(version).dp
            assert known.knows(new), f"{new} in verl {version}"
    for names in BY_RELEASE:
        for version, name in names.items():
            known = release(version).dp
            assert name in known.sections or name in known.unlisted or known.knows(name), (
                f"{name} in {version}"
            )
    for entry in GONE:
        known_to = [
            v
            for v in TABLES
            if any(release(v).knows(entry.key, engine) for engine in ("dp", *release(v).engines))
        ]
        assert known_to or entry.key in OLDER, f"no release knows {entry.key}"
    # toolspec itself writes no key that the release does not read.
    for row in TABLE:
        for version in RELEASES:
            name = name_in(row.key, version)
            assert not any(name == e.key or name.startswith(e.key + ".") for e in GONE), name
