"""`toolspec import`: the spec compiles back to the run's configuration, and every key of the run is accounted for."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolspec.backends.verl.beside import beside
from toolspec.backends.verl.compile import bundle_of, compile_spec
from toolspec.backends.verl.importing.closing import same
from toolspec.backends.verl.importing.importing import Imported, import_run, read_input
from toolspec.backends.verl.importing.inverse import BY_PATH, INVERSE
from toolspec.backends.verl.interpolation import UnresolvedError
from toolspec.backends.verl.lower.table import TABLE
from toolspec.backends.verl.overlay import Overlay
from toolspec.backends.verl.releases import NEWEST, RELEASES, leaves, release
from toolspec.backends.verl.renames import gone, name_in
from toolspec.backends.verl.written.files import Files
from toolspec.cli.app import app
from toolspec.specs.problem import ProblemError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT / "tests") not in sys.path:
    sys.path.insert(0, str(ROOT / "tests"))

from rules import sound  # noqa: E402

# A hub name in place of a folder, whose text would differ wherever it is interpolated.
ARGUMENTS = [text.replace("path=model", "path=Qwen/Qwen2.5-3B-Instruct") for text in sound.ARGUMENTS]

EXAMPLES = tuple(sorted(path.parent.name for path in (ROOT / "examples").glob("*/exp.yaml")))
GOLDENS = sorted((ROOT / "tests" / "golden" / "bundles").glob("*/*/config.yaml"))
CHOSEN = os.environ.get("TOOLSPEC_EXAMPLES")
PLACES = ("train_files", "val_files", "model.path", "local_dir")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound run's files, in the working directory."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    sound.write_base(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def imported(
    path: Path | None, version: str, *arguments: str, out: str = "exp.yaml", launch: int = 1
) -> Imported:
    files = Files()
    return import_run(read_input(path, arguments, files), version, Path(out), files, launch)


def accounted(result: Imported, written: int | None = None) -> None:
    """Each key once, in one group, and nothing differs."""
    assert result.closed is not None
    assert result.closed.open == ()
    assert result.findings == ()
    keys = [line.key for line in result.lines]
    assert len(keys) == len(set(keys))
    assert written is None or len(keys) == written
    for line in result.lines:
        assert line.fate in ("mapped", "override", "default") or line.why, line
        assert line.fate != "mapped" or line.to, line
        assert (line.fate == "override") == (
            line.to in {f"overrides.{k}" for k in result.closed.overrides}
        ), line


def compiled_back(result: Imported, folder: Path) -> Overlay:
    """The configuration of the spec as it is written to disk."""
    for name, text in {"exp.yaml": result.text, **result.files}.items():
        (folder / name).write_text(text, "utf-8")
    config = compile_spec(folder / "exp.yaml").config
    return Overlay(dict(leaves(config.values)), config.release.dp)


# What the bundle carries as files, and what names a place, which differs in text.
CARRIED = (
    "reward.custom_reward_function.path",
    "reward.reward_manager.",
    "actor_rollout_ref.rollout.multi_turn.tool_config_path",
    "actor_rollout_ref.rollout.agent.agent_loop_config_path",
)


def assert_same(
    version: str, said: dict[str, Any], back: Overlay, left: frozenset[str] = frozenset()
) -> None:
    """The run's configuration, laid out here anew, is that of the spec."""
    mine = Overlay(said, release(version).dp)
    for key in dict.fromkeys((*mine.written, *mine.keys.defaults, *back.written)):
        if key.startswith(CARRIED) or key in left or key in mine.sections or key in back.sections:
            continue
        if any(part in key for part in PLACES) or mine.raw(key) == "???":
            continue
        try:
            a, b = mine.resolve(key), back.resolve(key)
        except UnresolvedError:
            a, b = mine.raw(key), back.raw(key)
        assert same(a, b, mine.keys.types.get(key, "any")), (key, a, b)


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_bundle_comes_back_as_its_spec(folder: Path, example: str, version: str) -> None:
    bundle = bundle_of(
        compile_spec(ROOT / "examples" / example / "exp.yaml", target=version, out=folder / "b")
    )
    for name, content in bundle.files.items():
        (folder / "b" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "b" / name).write_bytes(content)
    result = imported(folder / "b" / "config.yaml", version)
    accounted(result)
    assert result.closed is not None and not result.closed.overrides
    for name, text in {"exp.yaml": result.text, **result.files}.items():
        (folder / name).write_text(text, "utf-8")
    again = bundle_of(compile_spec(folder / "exp.yaml", target=version, out=folder / "b"))
    assert beside(again.files) == beside(bundle.files)


@pytest.mark.parametrize("config", GOLDENS, ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}")
def test_a_golden_config_comes_back(config: Path) -> None:
    """Without the user's files: what they would carry is left to verl's keys, and said so."""
    result = imported(config, config.parent.name)
    accounted(result)


@pytest.mark.parametrize("version", RELEASES)
def test_the_sound_run(folder: Path, version: str) -> None:
    result = imported(None, version, *ARGUMENTS)
    accounted(result, len(ARGUMENTS))
    assert result.closed is not None
    assert result.closed.values["reward"] == {"python": "reward.py:compute_score"}
    said = {key: said.value for key, said in _said(ARGUMENTS)}
    assert_same(version, said, compiled_back(result, folder))


def _said(arguments: list[str]) -> list[tuple[str, Any]]:
    run = read_input(None, arguments, Files()).runs[0]
    return [(said.key, said) for said in run.said]


def values_of(version: str) -> dict[str, st.SearchStrategy[Any]]:
    """Key → values that its type allows, for every key that anybody may set."""
    table = release(version)
    found: dict[str, st.SearchStrategy[Any]] = {}
    for key, kind in table.types.items():
        if key.endswith("_target_") or key not in table.defaults or name_in(key, version) != key:
            continue
        if (
            gone(key, version)
            or key in OUTSIDE
            or key.split(".")[0] in ("custom_reward_function", "reward_model")
        ):
            continue
        choices = table.choices(key)
        options: list[st.SearchStrategy[Any]] = []
        if choices and "list" not in kind:
            options.append(st.sampled_from(choices))
        elif "bool" in kind:
            options.append(st.booleans())
        elif "int" in kind:
            options.append(st.sampled_from([1, 2, 3, 4, 8, 16, 64, 100, 1024, 4096]))
        elif "float" in kind:
            options.append(st.sampled_from([1e-6, 0.001, 0.1, 0.2, 0.5, 0.95, 1.0, 3.0]))
        elif "str" in kind and "path" not in key and "file" not in key and "dir" not in key:
            options.append(
                st.sampled_from(["a", "some-name", "ünïcode", "with blank", "true", "1e-3", "null"])
            )
        if "?" in kind:
            options.append(st.none())
        if options:
            found[key] = st.one_of(options)
    return found


# Keys whose other values are outside the language, or which name files that are not there.
OUTSIDE = frozenset(
    {
        "actor_rollout_ref.actor.strategy",
        "actor_rollout_ref.hybrid_engine",
        "actor_rollout_ref.rollout.name",
        "distillation.enabled",
        "trainer.v1.trainer_mode",
        "actor_rollout_ref.rollout.agent.default_agent_loop",
    }
)
TABLES = {version: values_of(version) for version in RELEASES}


@st.composite
def runs(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    version = draw(st.sampled_from(RELEASES))
    table = TABLES[version]
    named = {name_in(key, version) for row in INVERSE for key in row.keys} | LEFT
    lowered = sorted(named & set(table))
    keys = draw(st.lists(st.sampled_from(lowered), unique=True, max_size=12))
    keys += draw(st.lists(st.sampled_from(sorted(table)), unique=True, max_size=8))
    return version, {key: draw(table[key]) for key in dict.fromkeys(keys)}


@settings(
    max_examples=int(CHOSEN or 60),
    derandomize=CHOSEN is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(runs())
def test_any_keys_come_back(folder: Path, drawn: tuple[str, dict[str, Any]]) -> None:
    version, changed = drawn
    base = {key: said.value for key, said in _said(ARGUMENTS)}
    text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in _nested({**base, **changed}).items())
    config = folder / "config.yaml"
    config.write_text(f"defaults: [ppo_trainer, _self_]\n{text}\n", "utf-8")
    result = imported(config, version)
    accounted(result, len({**base, **changed}))
    assert result.closed is not None
    left = result.closed.left  # names that the release lacks are refused, and said
    assert all(" has no `" in why for why in left.values()), left
    if not left:
        assert_same(version, {**base, **changed}, compiled_back(result, folder))


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *above, last = key.split(".")
        node = tree
        for part in above:
            node = node.setdefault(part, {})
        node[last] = value
    return tree


def test_every_row_is_of_the_lowering_table() -> None:
    """The two tables speak of the same keys: a key that a spec can say is never left to overrides by oversight."""
    lowered = {row.key for row in TABLE}
    inverse = {key for row in INVERSE for key in row.keys}
    prefix = "actor_rollout_ref.rollout.engine_kwargs"
    assert inverse - lowered - {prefix} == set()
    assert lowered - inverse == LEFT
    assert len(BY_PATH) == len(INVERSE)


# Keys of the lowering table that no row of one value says: carried parts, what follows from others, and one text.
LEFT = {
    "actor_rollout_ref.actor.policy_loss.loss_mode",
    "actor_rollout_ref.model.custom_chat_template",
    "actor_rollout_ref.rollout.agent.agent_loop_config_path",
    "actor_rollout_ref.rollout.load_format",
    "actor_rollout_ref.rollout.multi_turn.enable",
    "actor_rollout_ref.rollout.multi_turn.max_tool_response_length",
    "actor_rollout_ref.rollout.multi_turn.tool_config_path",
    "algorithm.adv_estimator",
    "critic.model.use_remove_padding",
    "data.custom_cls.name",
    "data.custom_cls.path",
    "data.filter_overlong_prompts",
    "reward.custom_reward_function.name",
    "reward.custom_reward_function.path",
    "reward.reward_manager.module.path",
    "reward.reward_manager.name",
    "reward.reward_manager.source",
}

HEAD = "#!/usr/bin/env bash\nset -x\n"
GRPO = f"""{HEAD}python3 -m verl.trainer.main_ppo \\
    algorithm.adv_estimator=grpo \\
    data.train_files=$HOME/data/gsm8k/train.parquet \\
    data.val_files=$HOME/data/gsm8k/test.parquet \\
    data.train_batch_size=1024 \\
    data.max_prompt_length=512 data.max_response_length=1024 \\
    actor_rollout_ref.model.path=Qwen/Qwen2.5-7B-Instruct \\
    actor_rollout_ref.actor.optim.lr=1e-6 \\
    actor_rollout_ref.actor.ppo_mini_batch_size=256 \\
    actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=16 \\
    actor_rollout_ref.actor.use_kl_loss=True actor_rollout_ref.actor.kl_loss_coef=0.001 \\
    actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.n=5 \\
    actor_rollout_ref.rollout.tensor_model_parallel_size=2 \\
    actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=16 \\
    actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=16 \\
    trainer.critic_warmup=0 trainer.logger='["console","wandb"]' \\
    trainer.project_name=examples "trainer.experiment_name='größe 7b'" \\
    trainer.n_gpus_per_node=8 trainer.nnodes=1 trainer.save_freq=20 trainer.test_freq=5 \\
    trainer.total_epochs=15 $@
"""


def script(folder: Path, text: str, name: str = "run.sh") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


@pytest.mark.parametrize("version", RELEASES)
def test_a_grpo_script(folder: Path, version: str) -> None:
    result = imported(script(folder, GRPO), version)
    accounted(result, 26)
    assert result.closed is not None
    values = result.closed.values
    assert values["data.train"] == "~/data/gsm8k/train.parquet"
    assert values["algorithm.name"] == "grpo"
    assert values["train.micro_batch"] == 16
    assert values["reward"] == {"correct": {"weight": 1.0, "match": "verl"}}
    assert any("math_dapo" in note for note in result.notes)
    assert values["name"] == "gr-e-7b"
    assert values["tracking.experiment"] == "größe 7b"
    assert "# run.sh:9" in result.text
    assert compiled_back(result, folder).resolve("trainer.experiment_name") == "größe 7b"


def test_ppo(folder: Path) -> None:
    text = GRPO.replace(
        "adv_estimator=grpo",
        "adv_estimator=gae critic.optim.lr=1e-5 critic.model.path=Qwen/Qwen2.5-7B-Instruct "
        "critic.ppo_micro_batch_size_per_gpu=16",
    )
    result = imported(script(folder, text), NEWEST)
    accounted(result, 29)
    assert result.closed is not None and result.closed.values["algorithm.name"] == "ppo"


def test_dapo_with_its_length_penalty(folder: Path) -> None:
    extra = (
        "algorithm.filter_groups.enable=True algorithm.filter_groups.metric=reward "
        "actor_rollout_ref.actor.clip_ratio_low=0.2 actor_rollout_ref.actor.clip_ratio_high=0.28 "
        "reward.reward_manager.name=dapo +reward.reward_kwargs.overlong_buffer_cfg.enable=True "
        "+reward.reward_kwargs.overlong_buffer_cfg.len=512 "
        "+reward.reward_kwargs.overlong_buffer_cfg.penalty_factor=1.0 "
        "+reward.reward_kwargs.max_resp_len=1024 "
    )
    text = GRPO.replace("use_kl_loss=True", "use_kl_loss=False").replace(
        "trainer.nnodes=1", f"{extra}trainer.nnodes=1"
    )
    result = imported(script(folder, text), NEWEST)
    accounted(result)
    assert result.closed is not None
    assert result.closed.values["algorithm.name"] == "dapo"
    assert result.closed.values["algorithm.overlong"] == {"buffer": 512}
    assert {line.to for line in result.lines if "overlong" in line.key} == {"algorithm.overlong"}


def test_lora(folder: Path) -> None:
    extra = (
        "actor_rollout_ref.model.lora_rank=32 actor_rollout_ref.model.lora_alpha=64 "
        "actor_rollout_ref.rollout.load_format=safetensors "
    )
    result = imported(script(folder, GRPO.replace("trainer.nnodes=1", f"{extra}trainer.nnodes=1")), NEWEST)
    accounted(result)
    assert result.closed is not None and result.closed.values["model.lora"] == {"rank": 32, "alpha": 64}


def test_tools_are_carried(folder: Path) -> None:
    result = imported(None, NEWEST, *ARGUMENTS)
    assert result.closed is not None
    tool = result.closed.values["tools.calculator"]
    assert tool["class"] == "tools.py:Calculator"
    assert json.loads(result.files["calculator.json"])["function"]["name"] == "calculator"
    assert "schema: calculator.json" in result.text
    # Characters stay characters: the limit in tokens cannot be met first.
    assert result.closed.overrides["actor_rollout_ref.rollout.multi_turn.max_tool_response_length"] == 512
    assert result.closed.values["budget.tool_response_tokens"] >= 4 * 512


FUNCTIONS_PY = """\
from verl.tools.function_tool import function_tool


@function_tool("add")
def plus(a: int, b: int) -> str:
    '''Add two numbers.

    Args:
        a: The first.
        b: The second.
    '''
    return str(a + b)


def helper() -> None:
    return None
"""


@pytest.mark.parametrize("version", ["0.8.0", NEWEST])
def test_function_tools_are_carried(folder: Path, version: str) -> None:
    script(folder, FUNCTIONS_PY, "functions.py")
    more = "actor_rollout_ref.rollout.multi_turn.function_tool_path=functions.py"
    result = imported(None, version, *ARGUMENTS, more)
    accounted(result)
    assert result.closed is not None
    tools = {path: value for path, value in result.closed.values.items() if path.startswith("tools.")}
    assert list(tools) == ["tools.calculator", "tools.add"]
    assert tools["tools.add"] == {"python": "functions.py:plus"}
    (line,) = [line for line in result.lines if line.key.endswith("function_tool_path")]
    assert (line.fate, line.to) == ("mapped", "tools.add")
    compiled_back(result, folder)


def test_a_tool_whose_code_cannot_be_read_stays_verls_own(folder: Path) -> None:
    script(folder, FUNCTIONS_PY.replace("a: int", "a"), "functions.py")
    result = imported(None, NEWEST, *ARGUMENTS, f"{MULTI_TURN}.function_tool_path=functions.py")
    accounted(result)
    assert result.closed is not None
    assert f"{MULTI_TURN}.function_tool_path" in result.closed.overrides
    assert any("has no annotation" in note for note in result.notes)


LOOPS = """\
- name: my_loop
  _target_: loops.MyLoop
  depth: 3
"""
LOOPS_PY = """\
from verl.experimental.agent_loop.agent_loop import AgentLoopBase


class MyLoop(AgentLoopBase):
    def __init__(self, *args, depth=1, **kwargs):
        super().__init__(*args, **kwargs)

    async def run(self, sampling_params, **kwargs):
        return None
"""
ROWS_PY = "from verl.utils.dataset.rl_dataset import RLHFDataset\n\n\nclass Rows(RLHFDataset):\n    pass\n"
AGENT, MULTI_TURN = "actor_rollout_ref.rollout.agent", "actor_rollout_ref.rollout.multi_turn"


def test_an_agent_loop_and_a_dataset_of_ones_own(folder: Path) -> None:
    script(folder, LOOPS, "loops.yaml")
    script(folder, LOOPS_PY, "loops.py")
    script(folder, ROWS_PY, "rows.py")
    more = (
        f"{AGENT}.default_agent_loop=my_loop",
        f"{AGENT}.agent_loop_config_path=loops.yaml",
        f"{MULTI_TURN}.tool_config_path=null",
        "data.custom_cls.path=rows.py",
        "data.custom_cls.name=Rows",
    )
    result = imported(None, NEWEST, *ARGUMENTS, *more)
    accounted(result)
    assert result.closed is not None
    values = result.closed.values
    assert (values["agent.class"], values["agent.config"]) == ("loops.py:MyLoop", {"depth": 3})
    assert values["data.class"] == "rows.py:Rows"
    assert any("ts_user_agent" in note for note in result.notes)
    compiled_back(result, folder)


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        (("reward.reward_manager.name=rate_limited",), {"reward.reward_manager.name": "rate_limited"}),
        (("reward.custom_reward_function.path=gone.py",), {"reward.reward_manager.name": "naive"}),
        (
            (f"{MULTI_TURN}.tool_config_path=gone.yaml",),
            {f"{MULTI_TURN}.tool_config_path": "gone.yaml", f"{AGENT}.agent_loop_config_path": None},
        ),
    ],
)
@pytest.mark.parametrize("version", RELEASES)
def test_what_is_not_at_hand_or_not_alike_stays_verls_own(
    folder: Path, version: str, more: tuple[str, ...], kept: dict[str, Any]
) -> None:
    result = imported(None, version, *ARGUMENTS, *more)
    accounted(result)
    assert result.closed is not None
    assert kept.items() <= result.closed.overrides.items()
    assert any("by" in note and "overrides" in note for note in result.notes)
    said = {key: said.value for key, said in _said([*ARGUMENTS, *more])}
    assert_same(version, said, compiled_back(result, folder))


def test_data_that_no_spec_can_name(folder: Path) -> None:
    result = imported(None, NEWEST, *ARGUMENTS, "data.train_files=hub-name", "data.val_files=[s3://x/y.txt]")
    accounted(result)
    assert result.closed is not None
    assert result.closed.overrides["data.train_files"] == str(folder / "hub-name")
    assert result.closed.overrides["data.val_files"] == ["s3://x/y.txt"]
    assert "$TRAIN_FILE.parquet" in result.text


def test_old_names_are_read_where_the_release_reads_them(folder: Path) -> None:
    old = [text.replace("reward.custom_reward_function", "custom_reward_function") for text in ARGUMENTS]
    for version, fate in (("0.8.0", "mapped"), (NEWEST, "left")):
        result = imported(None, version, *old)
        accounted(result, len(old))
        (line,) = [line for line in result.lines if line.key == "custom_reward_function.path"]
        assert line.fate == fate
        assert result.closed is not None
        assert ("python" in result.closed.values["reward"]) == (version == "0.8.0")


def test_a_key_that_verl_does_not_have_or_that_is_taken_away(folder: Path) -> None:
    result = imported(None, NEWEST, *ARGUMENTS, "+foo.bar=1", "~trainer.balance_batch")
    accounted(result, len(ARGUMENTS) + 2)
    assert {line.key for line in result.lines if line.fate == "left"} == {"foo.bar", "trainer.balance_batch"}
    assert "foo.bar: 1" in result.text


def test_a_value_that_the_language_refuses_is_overridden(folder: Path) -> None:
    result = imported(
        None, NEWEST, *ARGUMENTS, "actor_rollout_ref.rollout.temperature=0", "trainer.logger=[swanlab]"
    )
    accounted(result)
    assert result.closed is not None
    assert result.closed.overrides["actor_rollout_ref.rollout.temperature"] == 0
    assert result.closed.overrides["trainer.logger"] == ["swanlab"]
    assert {"rollout.temperature", "tracking.to"} <= set(result.closed.banned)


def test_slurm_and_the_environment(folder: Path) -> None:
    head = (
        "#!/bin/bash\n#SBATCH --partition=gpu\n#SBATCH -A team\n#SBATCH --time=1-12:00:00\n"
        "export NCCL_DEBUG=WARN\nexport WANDB_API_KEY=secret\n"
    )
    text = GRPO.replace(HEAD, head).replace("nnodes=1", "nnodes=4")
    result = imported(script(folder, text), NEWEST)
    accounted(result)
    assert "slurm: {partition: gpu, account: team, time: 1-12:00:00}" in result.text.replace('"', "")
    assert "NCCL_DEBUG: WARN" in result.text
    assert "WANDB_API_KEY: null" in result.text
    assert "secret" not in result.text
    assert "nodes: 4" in result.text
    compiled_back(result, folder)


def test_what_only_the_run_knows_is_listed(folder: Path) -> None:
    result = imported(script(folder, GRPO.replace("nnodes=1", "nnodes=$NNODES")), NEWEST)
    accounted(result)
    (line,) = [line for line in result.lines if line.fate == "unknown"]
    assert (line.key, line.why) == ("trainer.nnodes", "nothing in the script sets `NNODES`")
    assert "trainer.nnodes: $NNODES (run.sh:20): nothing in the script sets `NNODES`" in result.text
    assert run("run.sh", "--strict") == 1
    assert run("run.sh") == 0


def test_two_launches(folder: Path) -> None:
    second = GRPO.replace(HEAD, "").replace("train_batch_size=1024", "train_batch_size=512")
    path = script(folder, f"{GRPO}\n{second}")
    for number, batch in ((1, 1024), (2, 512)):
        result = imported(path, NEWEST, launch=number)
        accounted(result)
        assert result.closed is not None and result.closed.values["algorithm.batch"] == batch
        assert len(result.launches) == 2
    with pytest.raises(ProblemError):
        imported(path, NEWEST, launch=3)


def run(*arguments: str) -> int:
    code = app.main(["import", *arguments], standalone_mode=False)
    return code if isinstance(code, int) else 0


@pytest.mark.parametrize(
    "argument",
    [
        "model_engine=megatron",
        "actor_rollout_ref.actor.strategy=megatron",
        "trainer.v1.trainer_mode=separate_async",
        "actor_rollout_ref.model.path=Qwen/Qwen2.5-VL-7B-Instruct",
        "actor_rollout_ref.rollout.name=trtllm",
        "distillation.enabled=true",
    ],
)
def test_what_is_outside_the_language_is_refused(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-o", "new.yaml", "--format", "json", "--", *ARGUMENTS, argument) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["findings"][0]["code"] == "TS046"
    assert document["keys"]["data.train_batch_size"] == {
        "value": 32, "file": "--", "line": 3, "default": False, "fate": None, "to": None, "why": None,
    }  # fmt: skip
    assert document["spec"] is None
    assert not Path("new.yaml").exists()


def test_a_file_is_never_replaced_without_force(folder: Path) -> None:
    import click

    Path("new.yaml").write_text("mine", "utf-8")
    with pytest.raises(click.UsageError):
        run("-o", "new.yaml", "--", *ARGUMENTS)
    assert Path("new.yaml").read_text("utf-8") == "mine"
    assert not Path("calculator.json").exists()
    assert run("-o", "new.yaml", "--force", "--", *ARGUMENTS) == 0
    assert compile_spec(Path("new.yaml")).plan.name == "grpo"


@pytest.mark.parametrize("version", RELEASES)
def test_lint_finds_no_error_in_the_spec_of_a_sound_run(folder: Path, version: str) -> None:
    from toolspec.backends.verl.lint.lint import lint_file

    compiled_back(imported(None, version, *ARGUMENTS), folder)
    found = lint_file(folder / "exp.yaml", None, Files()).findings
    assert [problem for problem in found if problem.severity == "error"] == []


def test_standard_output_holds_the_whole_spec(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-o", "-", "--", *ARGUMENTS) == 0
    text = capsys.readouterr().out
    Path("printed.yaml").write_text(text, "utf-8")
    assert compile_spec(Path("printed.yaml")).plan.name == "grpo"
