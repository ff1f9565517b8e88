"""Keys, groups, engines and names that a release lacks or does not print: what is certain, and what is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.test_rules import base, laid_over, told
from toolspec.backends.verl.lint.page import Example

__all__ = ["base"]

MINDSPEED = "model_engine=mindspeed actor_rollout_ref.actor.mindspeed.tensor_model_parallel_size=4"


def test_an_engine_without_a_table_is_not_known(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = laid_over(Example(MINDSPEED, {}, "0.8.0"), base, tmp_path, monkeypatch)
    assert not [p for p in result.findings if p.severity == "error"], told(result)
    skipped = {one.rule.code: one.needs for one in result.skipped}
    assert "model_engine=mindspeed" in skipped["TS802"]


def test_an_engine_that_the_release_lacks_is_an_error(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = laid_over(Example(MINDSPEED, {}, "0.9.1"), base, tmp_path, monkeypatch)
    assert {"TS802", "TS821"} <= {p.code for p in result.findings}


@pytest.mark.parametrize(
    ("overrides", "severity"),
    [
        ("+trainer.use_legacy_worker_impl=disable", "warning"),  # there is but the new implementation
        ("+data.sampler.class_name=Curriculum", "error"),  # the rows come in another order
        ("trainer.use_legacy_worker_impl=disable", "error"),  # Hydra stops
    ],
)
def test_a_key_that_is_gone_is_an_error_where_the_run_loses_by_it(
    overrides: str, severity: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = laid_over(Example(overrides, {}, "0.9.1"), base, tmp_path, monkeypatch)
    assert [p.severity for p in result.findings if p.code == "TS802"] == [severity], told(result)


TEACHERS = (
    "distillation.enabled=True distillation.nnodes=1 distillation.n_gpus_per_node=1 "
    "+distillation.teacher_models.maths.key=maths +distillation.teacher_models.maths.model_path=model "
    "+distillation.teacher_models.maths.num_replicas=1 "
    "+distillation.teacher_models.maths.inference.tensor_model_parallel_size=1"
)


@pytest.mark.parametrize("version", ["0.8.0", "0.9.1"])
@pytest.mark.parametrize(
    ("more", "severities"),
    [
        ("", []),
        ("+distillation.teacher_models.maths.inference.engine_kwargs.vllm.swap_space=0", []),
        ("+distillation.teacher_models.maths.world_size=1", ["error"]),  # merged into a dataclass
        ("+distillation.teacher_models.maths.inference.swap_space=1", ["error"]),
        ("+distillation.distillation_loss.temperature=2", ["error"]),
        ("+distillation.teacher_models.maths.world_size=1 distillation.enabled=False", ["warning"]),
    ],
)
def test_a_teacher_is_built_where_distillation_is_on(
    more: str,
    severities: list[str],
    version: str,
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = laid_over(Example(f"{TEACHERS} {more}", {}, version), base, tmp_path, monkeypatch)
    assert [p.severity for p in result.findings if p.code == "TS802"] == severities, told(result)


@pytest.mark.parametrize(
    ("overrides", "codes"),
    [
        ("critic=dp_critic critic.optim.lr=1e-5 data=legacy_data", set()),
        ("actor@actor_rollout_ref.actor=dp_actor actor_rollout_ref.actor.strategy=fsdp2", set()),
        # Hydra takes both; the keys are those of a mixture.
        ("critic=megatron_critic critic.megatron.tensor_model_parallel_size=2", set()),
        ("actor@actor_rollout_ref.actor=megatron_actor actor_rollout_ref.actor.megatron.seed=1", set()),
        ("critic=ds_critic critic.deepspeed_config.zero_stage=2", {"TS821"}),
    ],
)
@pytest.mark.parametrize("version", ["0.7.1", "0.9.1"])
def test_a_group_chosen_on_the_command_line_is_no_value(
    overrides: str, codes: set[str], version: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = laid_over(Example(overrides, {}, version), base, tmp_path, monkeypatch)
    assert {p.code for p in result.findings if p.severity == "error"} == codes, told(result)


def test_a_loss_of_the_user_s_own_may_read_what_verl_s_do_not(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "actor_rollout_ref.actor.policy_loss.loss_mode={} actor_rollout_ref.actor.clip_ratio=0.15"
    for loss, codes in (("dppo_tv", {"TS113"}), ("cppo", {"TS811"})):
        result = laid_over(Example(text.format(loss), {}, "0.9.1"), base, tmp_path / loss, monkeypatch)
        assert {p.code for p in result.findings if p.severity == "error"} == codes, told(result)
