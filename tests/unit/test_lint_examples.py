"""The examples and their bundles have no error, and these warnings; the seed's own config has its five failures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from rules import sound
from toolspec.backends.verl.compile import compile_spec, write
from toolspec.backends.verl.lint.lint import Linted, lint_file
from toolspec.backends.verl.releases import RELEASES
from toolspec.backends.verl.written.files import Files

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = tuple(sorted(path.parent.name for path in (ROOT / "examples").glob("*/exp.yaml")))


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home and a model cache with nothing in them."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))


def told(linted: Linted) -> str:
    """The findings without places on this machine."""
    lines = []
    for problem in linted.findings:
        assert problem.severity != "error", problem
        line = "" if problem.span is None else f"{problem.span.line}:{problem.span.column} "
        lines.append(f"{line}{problem.severity} {problem.code} {problem.message}")
    return "\n".join(lines).replace(str(ROOT), "ROOT") + "\n"


@pytest.mark.slow
def test_findings_of_examples(goldens: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for example in EXAMPLES:
        spec = ROOT / "examples" / example / "exp.yaml"
        for release in RELEASES:
            monkeypatch.chdir(ROOT)
            texts = [f"# exp.yaml\n{told(lint_file(spec, f'verl=={release}', Files()))}"]
            folder = tmp_path / release / example
            try:
                write(compile_spec(spec, target=release, out=folder))
            except Exception as error:  # data that are not there are no matter of this test
                assert "TS" in repr(getattr(error, "problems", "")), error
            else:
                monkeypatch.chdir(folder)
                linted = lint_file(Path("config.yaml"), f"verl=={release}", Files())
                texts.append(f"# config.yaml of the bundle\n{told(linted)}".replace(str(tmp_path), "OUT"))
            goldens.check(f"{example}/{release}.txt", "".join(texts))


SEED: dict[str, Any] = {
    "hydra": {"searchpath": ["file://verl/trainer/config"]},
    "defaults": ["ppo_trainer", "_self_"],
    "data": {
        "train_files": "train.parquet",
        "val_files": "val.parquet",
        "return_raw_chat": True,
        "max_prompt_length": 2048,
        "max_response_length": 1024,
        "train_batch_size": 128,
    },
    "algorithm": {"adv_estimator": "gae", "use_kl_in_reward": False},
    "actor_rollout_ref": {
        "model": {
            "path": "Qwen/Qwen2.5-3B-Instruct",
            "use_remove_padding": True,
            "enable_gradient_checkpointing": True,
        },
        "actor": {
            "strategy": "fsdp2",
            "ppo_mini_batch_size": 128,
            "ppo_micro_batch_size_per_gpu": 8,
            "use_kl_loss": True,
            "kl_loss_coef": 0.001,
            "kl_loss_type": "low_var_kl",
        },
        "rollout": {
            "name": "sglang",
            "n": 4,
            "tensor_model_parallel_size": 1,
            "gpu_memory_utilization": 0.8,
            "multi_turn": {"enable": True, "tool_config_path": "tools.yaml", "max_assistant_turns": 5},
        },
    },
    "critic": {
        "strategy": "fsdp2",
        "model": {"path": "Qwen/Qwen2.5-3B-Instruct"},
        "ppo_micro_batch_size_per_gpu": 8,
    },
    "custom_reward_function": {"path": "reward.py"},
    "trainer": {
        "n_gpus_per_node": 8,
        "nnodes": 1,
        "logger": ["console", "wandb"],
        "project_name": "qwen-ppo-toolcall",
        "experiment_name": "multiturn-v1",
        "test_freq": 20,
        "save_freq": 50,
        "total_epochs": 5,
    },
}
GSM8K_TOOL = sound.TOOLS.replace("tools.Calculator", "verl.tools.gsm8k_tool.Gsm8kTool")
ALL = frozenset(RELEASES)
# failure, code, severity, what must be at hand to see it, releases
FAILURES = (
    ("a searchpath into a checkout", "TS812", "warning", "", ALL),
    ("no micro batch of the reference and the rollout", "TS104", "error", "", ALL),
    ("tools that are never called", "TS301", "warning", "", ALL),
    ("tools that are never called", "TS301", "error", "rows", ALL),
    ("a tool class that is gone", "TS302", "error", "tools", ALL - {"0.7.1"}),
    ("a reward under its old key, without a name", "TS417", "error", "", ALL - {"0.9.1"}),
    ("a reward under a key that nothing reads", "TS805", "error", "", ALL - {"0.7.1", "0.8.0"}),
    ("a critic without flash-attn", "TS815", "error", "environment", ALL),
)


def at_hand(folder: Path, what: str, release: str) -> None:
    if what == "rows":
        for name in ("train.parquet", "val.parquet"):
            sound.write_rows(folder / name, [sound.row(number) for number in range(256)])
    elif what == "tools":
        (folder / "tools.yaml").write_text(GSM8K_TOOL, "utf-8")
    elif what == "environment":
        packages = [
            f"verl=={release}",
            "sglang==0.5.12",
            "torch==2.11.0",
            "TransferQueue==0.1.11",
            "wandb==0.22.0",
        ]
        packages += ["cachetools==6.2.0", "uvicorn==0.35.0", "fastapi==0.116.1"]
        (folder / "pip-freeze.txt").write_text("\n".join(packages), "utf-8")


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("failure", "code", "severity", "what", "releases"), FAILURES)
def test_the_seeds_failures_are_found(
    failure: str,
    code: str,
    severity: str,
    what: str,
    releases: frozenset[str],
    release: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(yaml.safe_dump(SEED, sort_keys=False), "utf-8")
    at_hand(tmp_path, what, release)
    linted = lint_file(Path("config.yaml"), f"verl=={release}", Files())
    found = {problem.severity for problem in linted.findings if problem.code == code}
    assert found == ({severity} if release in releases else set()), failure
    if what:  # without it the report says what to provide
        for file in tmp_path.iterdir():
            if file.name != "config.yaml":
                file.unlink()
        bare = lint_file(Path("config.yaml"), f"verl=={release}", Files())
        assert severity not in {problem.severity for problem in bare.findings if problem.code == code}
        if code != "TS301":
            assert code in {one.rule.code for one in bare.skipped}
