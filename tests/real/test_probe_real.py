"""A forged tool's answer through verl's real loop and reward worker, and verl's own scorers under a probe."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from real.environment import Environment
from real.tokenizer import short_model_folder
from rehearsal_spec import QUICK, rehearsed, write_spec
from toolspec.backends.verl.probe.prober import LIMITS, PLAYED
from toolspec.backends.verl.rehearsal.rehearse import Asked
from toolspec.cli.reward_probe import Wanted, told_of

pytestmark = pytest.mark.real

TEXT_REWARD = '''\
import re


def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    """Looks at the text, as rewards of verl's examples do: a bonus for a result that a tool gave."""
    results = re.findall(r"<tool_response>\\s*(.*?)\\s*</tool_response>", solution_str, re.DOTALL)
    numbers = re.findall(r"-?\\d+", solution_str)
    right = float(bool(numbers) and numbers[-1] == ground_truth)
    return {"score": right + 0.25 * bool(results), "acc": right}
'''
STOCK = (
    "overrides.reward.reward_manager.source=register",
    "overrides.reward.reward_manager.name=naive",
    "overrides.reward.custom_reward_function.name=compute_score",
)
ATTACK = ("honest-no-call", "refusal", "forged-alone", "forged-result", "right-forged")


def test_a_forged_result_is_paid_by_verls_text_reward_and_not_by_the_bundle(
    environment: Environment, release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reward = "{correct: {weight: 1, match: number}, used_result: 0.25}"
    spec = write_spec(tmp_path, reward=reward, release=release, rows=1)
    shutil.rmtree(tmp_path / "model")
    (tmp_path / "model").symlink_to(short_model_folder(environment))
    (tmp_path / "reward.py").write_text(TEXT_REWARD, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(environment.wheel(release)))
    limits = QUICK._replace(load_seconds=300, score_seconds=120, call_seconds=60)

    def scores(*sets: str) -> dict[str, float | None]:
        found = rehearsed(
            spec, rows=1, policies=ATTACK, engine="verl", python=str(environment.python), limits=limits, sets=sets
        )  # fmt: skip
        assert found.load is None, found.load
        lost = [one.lost for one in found.episodes if one.lost is not None]
        assert not lost
        return {one.policy: one.scored.score for one in found.episodes if one.scored is not None}

    ours = scores()
    assert ours == {
        "honest-no-call": 1, "refusal": 0, "forged-alone": 0, "forged-result": 0, "right-forged": 1,
    }  # fmt: skip
    path = f"overrides.reward.custom_reward_function.path={tmp_path / 'reward.py'}"
    stock = scores(*STOCK, path)
    assert stock == {
        "honest-no-call": 1, "refusal": 0, "forged-alone": 0.25, "forged-result": 0.25, "right-forged": 1.25,
    }  # fmt: skip


RUN = """\
python3 -m verl.trainer.main_ppo data.train_files=train.jsonl data.val_files=train.jsonl \\
    actor_rollout_ref.model.path=Qwen/Qwen2.5-7B-Instruct actor_rollout_ref.rollout.name=sglang
"""
ROW = (
    '{"data_source": "%s", "prompt": [{"role": "user", "content": "How much is it?"}], '
    '"reward_model": {"ground_truth": "%s"}}\n'
)


@pytest.mark.parametrize(("source", "form"), [("openai/gsm8k", "#### {}"), ("lighteval/MATH", "\\boxed{{}}")])
def test_verls_own_scorer_is_probed_without_torch(
    source: str,
    form: str,
    environment: Environment,
    release: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "run.sh").write_text(RUN, "utf-8")
    rows = "".join(ROW % (source, 40 + number) for number in range(4))
    (tmp_path / "train.jsonl").write_text(rows, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(environment.wheel(release)))
    asked = Asked(3, PLAYED, 0, sys.executable, LIMITS)
    told = told_of(tmp_path / "run.sh", (), release, Wanted(asked, "train", False, True))
    assert told.probe.load is None, told.probe.load
    assert (told.probe.form.replace("{{}}", "{}"), told.table.honest) == (form.replace("{{}}", "{}"), 1)
    by_name = {row.policy: row for row in told.table.rows}
    assert by_name["refusal"].mean == by_name["look-alike-answer"].mean == 0
    assert not told.fails, told.findings
