"""Deliberate breakages of a good bundle: each names the stage that must refuse it.

An edit gets the folder of a copy of the bundle and changes it in place.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROLLOUT = "actor_rollout_ref.rollout"
ACTOR = "actor_rollout_ref.actor"

Edit = Callable[[Path], None]


@dataclass(frozen=True)
class Breakage:
    """`stage` of the proof must fail, and none before it may."""

    name: str
    stage: str
    edit: Edit


def change(**values: Any) -> Edit:
    """Set keys of config.yaml; `__` in a name stands for the dot. A value of None removes the key."""

    def edit(folder: Path) -> None:
        path = folder / "config.yaml"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name, value in values.items():
            *parents, last = name.split("__")
            node = config
            for parent in parents:
                node = node.setdefault(parent, {})
            if value is None:
                node.pop(last, None)
            else:
                node[last] = value
        path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")

    return edit


def remove(name: str) -> Edit:
    """Delete a file of the bundle."""
    return lambda folder: (folder / name).unlink()


def replace(name: str, old: str, new: str) -> Edit:
    """Replace a text that the file must contain."""

    def edit(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        if old not in text:
            raise LookupError(f"{name} has no {old!r}: this breakage breaks nothing")
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")

    return edit


def append(name: str, code: str) -> Edit:
    """Add lines to the end of a module."""

    def edit(folder: Path) -> None:
        with (folder / name).open("a", encoding="utf-8") as stream:
            stream.write(f"\n\n{code}\n")

    return edit


def edit_tools(change_entries: Callable[[list[dict[str, Any]]], None]) -> Edit:
    """Change the entries of tools.yaml."""

    def edit(folder: Path) -> None:
        path = folder / "tools.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        change_entries(document["tools"])
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    return edit


def edit_training_rows(change_rows: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Edit:
    """Replace the training rows by a changed copy inside the bundle; the shared file stays as it is."""

    def edit(folder: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        files = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["data"]["train_files"]
        first = files if isinstance(files, str) else files[0]
        rows = change_rows(pq.read_table(folder / first).to_pylist())
        pq.write_table(pa.Table.from_pylist(rows), folder / "broken.parquet")
        change(data__train_files="broken.parquet")(folder)

    return edit


def both(*edits: Edit) -> Edit:
    """Several edits, in order."""

    def edit(folder: Path) -> None:
        for each in edits:
            each(folder)

    return edit


def _text_prompts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "prompt": row["prompt"][-1]["content"]} for row in rows]


def _duplicate(entries: list[dict[str, Any]]) -> None:
    entries.append(entries[0])


def _set_class(name: str) -> Callable[[list[dict[str, Any]]], None]:
    def change_entries(entries: list[dict[str, Any]]) -> None:
        entries[0]["class_name"] = name

    return change_entries


def _altered_schema(folder: Path) -> None:
    """A tool class that shows the model the same schema in another order of keys."""
    path = folder / "tools.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    base = document["tools"][0]["class_name"].rpartition(".")[2]
    document["tools"][0]["class_name"] = "ts_tools.Altered"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    append("ts_tools.py", ALTERED.format(base=base))(folder)


ALTERED = """
class Altered({base}):
    def __init__(self, config, tool_schema=None):
        function = dict(reversed(config["schema"]["function"].items()))
        super().__init__({{**config, "schema": {{**config["schema"], "function": function}}}}, tool_schema)
"""
# The mask of every token set, as if the policy had written what the tools answered.
WRONG_MASK = """
class Wrong(SpanToolAgentLoop):
    async def run(self, *args, **kwargs):
        output = await super().run(*args, **kwargs)
        output.response_mask = [1] * len(output.response_mask)
        return output
"""
WRONG_SPANS = WRONG_MASK.replace(
    "output.response_mask = [1] * len(output.response_mask)",
    'output.extra_fields["ts_spans"] = [[0, len(output.response_ids)]]',
)
SOMETIMES = WRONG_MASK.replace(
    "output.response_mask = [1] * len(output.response_mask)",
    'if output.num_turns > 2:\n            output.extra_fields["only_here"] = 1',
)
WRONG_REWARD = """
class Wrong(ToolspecRewardManager):
    async def run_single(self, data):
        result = await super().run_single(data)
        {change}
        return result
"""


def _other_loop(code: str) -> Edit:
    return both(
        append("ts_loop.py", code),
        replace("agent_loops.yaml", "ts_loop.SpanToolAgentLoop", "ts_loop.Wrong"),
    )


def _other_reward(line: str) -> Edit:
    return both(
        append("ts_reward.py", WRONG_REWARD.format(change=line)),
        change(reward__reward_manager__name="Wrong"),
    )


NO_DYNAMIC = {
    "actor_rollout_ref__actor__use_dynamic_bsz": False,
    "actor_rollout_ref__actor__ppo_micro_batch_size_per_gpu": None,
}

FIXED_BATCHES = {  # verl compares the mini-batch with the batch for fixed micro-batches only
    "actor_rollout_ref__actor__use_dynamic_bsz": False,
    "actor_rollout_ref__actor__ppo_micro_batch_size_per_gpu": 1,
    "actor_rollout_ref__rollout__log_prob_micro_batch_size_per_gpu": 1,
    "actor_rollout_ref__ref__log_prob_micro_batch_size_per_gpu": 1,
    "actor_rollout_ref__actor__ppo_mini_batch_size": 10**6,
}

BREAKAGES = (
    Breakage("start-module-missing", "launch", remove("ts_start.py")),
    Breakage("start-module-unnamed", "launch", replace("launch.sh", "USE_EXTERNAL_MODULES", "USE_NONE")),
    Breakage("searchpath-wrong", "compose", change(hydra__searchpath=["pkg://verl.trainer.configs"])),
    Breakage("searchpath-missing", "compose", change(hydra=None)),
    Breakage("base-unknown", "compose", change(defaults=["ppo_trainer_v9", "_self_"])),
    Breakage("key-unknown", "strict", change(data__tool_config="tools.yaml")),
    Breakage("key-misplaced", "strict", change(actor_rollout_ref__multi_turn={"enable": True})),
    Breakage("tool-list-missing", "files", remove("tools.yaml")),
    Breakage("loop-module-missing", "files", remove("ts_loop.py")),
    Breakage("manifest-missing", "files", remove("manifest.json")),
    Breakage("micro-batch-missing", "validate", change(**NO_DYNAMIC)),
    Breakage("mini-batch-too-large", "validate", change(**FIXED_BATCHES)),
    Breakage("interpolation-dangling", "validate", change(data__shuffle="${data.no_such_key}")),
    Breakage("rollout-mode-removed", "classes", change(actor_rollout_ref__rollout__mode="sync")),
    Breakage("model-folder-empty", "classes", change(actor_rollout_ref__model__path="ts_user")),
    Breakage("advantage-unknown", "enums", change(algorithm__adv_estimator="ppo")),
    Breakage("engine-unknown", "enums", change(actor_rollout_ref__rollout__name="sglan")),
    Breakage("prompt-is-text", "dataset", edit_training_rows(_text_prompts)),
    Breakage("rows-too-few", "dataset", edit_training_rows(lambda rows: rows[:1])),
    Breakage("tool-class-unknown", "tools", edit_tools(_set_class("ts_tools.NoSuchTool"))),
    Breakage("tool-twice", "tools", edit_tools(_duplicate)),
    Breakage("schema-altered", "tools", _altered_schema),
    Breakage("format-unknown", "parser", change(actor_rollout_ref__rollout__multi_turn__format="hermes2")),
    Breakage("loop-class-unknown", "loop", replace("agent_loops.yaml", "SpanToolAgentLoop", "NoSuchLoop")),
    Breakage("loop-without-tools", "loop", replace(
        "agent_loops.yaml", "ts_loop.SpanToolAgentLoop",
        "verl.experimental.agent_loop.single_turn_agent_loop.SingleTurnAgentLoop")),
    Breakage("mask-wrong", "drive", _other_loop(WRONG_MASK)),
    Breakage("spans-wrong", "drive", _other_loop(WRONG_SPANS)),
    Breakage("fields-differ", "drive", _other_loop(SOMETIMES)),
    Breakage("prompt-too-long", "drive", change(
        data__filter_overlong_prompts=False, data__max_prompt_length=64,
        actor_rollout_ref__rollout__prompt_length=64)),
    Breakage("reward-class-missing", "reward", change(reward__reward_manager__name="custom_reward_manager")),
    Breakage("reward-raises", "reward", _other_reward("raise RuntimeError('from the reward')")),
    Breakage("reward-none", "reward", _other_reward("result['reward_score'] = None")),
    Breakage("reward-nan", "reward", _other_reward("result['reward_score'] = float('nan')")),
    Breakage("reward-keys-differ", "reward", _other_reward(
        "result['reward_extra_info'].update({f'turns_{data[0].non_tensor_batch[\"__num_turns__\"]}': 1.0})")),
    Breakage("terms-missing", "reward", replace("ts_reward.json", '"terms"', '"term"')),
)  # fmt: skip


def broken_copy(bundle: Path, breakage: Breakage, folder: Path) -> Path:
    """A copy of `bundle` in `folder` with the breakage made. Its data stay where they are."""
    target = folder / breakage.name
    shutil.copytree(bundle, target)
    data = yaml.safe_load((target / "config.yaml").read_text(encoding="utf-8"))["data"]
    for key in ("train_files", "val_files"):
        files = [data[key]] if isinstance(data[key], str) else data[key]
        change(**{f"data__{key}": [str((bundle / file).resolve()) for file in files]})(target)
    breakage.edit(target)
    return target
