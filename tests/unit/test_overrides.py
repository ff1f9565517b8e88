"""Overrides are believed only as far as verl can resolve them: values, types, names, and what points at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from toolspec.backends.verl.compile import Compiled, compile_spec
from toolspec.backends.verl.interpolation import RunTimeError, UnresolvedError
from toolspec.backends.verl.releases import RELEASES, release
from toolspec.specs.problem import Problem, ProblemError

SPEC = """\
toolspec: 1
name: x
model: Qwen/Qwen2.5-3B-Instruct
data: {train: rows.parquet}
reward: {correct: 1}
algorithm: grpo
"""
KEY = "actor_rollout_ref.actor.grad_clip"


def compiled(folder: Path, overrides: str, target: str = "0.9.1", more: str = "") -> Compiled:
    (folder / "exp.yaml").write_text(f"{SPEC}{more}overrides: {overrides}\n", "utf-8")
    return compile_spec(folder / "exp.yaml", (), target, folder / "bundle")


def refusal(folder: Path, overrides: str, target: str = "0.9.1") -> Problem:
    with pytest.raises(ProblemError) as caught:
        compiled(folder, overrides, target)
    (problem,) = caught.value.problems
    assert problem.span is not None
    assert problem.span.line == len(SPEC.splitlines()) + 1
    assert problem.path.startswith("overrides.")
    return problem


TEXTS = (
    *(
        "${",
        "${}",
        "${ }",
        "${nope}",
        "${trainer.nnodes}",
        "${ trainer.nnodes }",
        "a${trainer.nnodes}b",
        "$${x}",
    ),
    *(
        "${oc.env:HOME,${nope}}",
        "${oc.env:HOME}${nope}",
        "${oc.env:HOME}${",
        "${foo:1}",
        "${trainer.nnodes:}",
    ),
    *(
        "\\${nope}",
        "\\\\${nope}",
        "\\\\${trainer.nnodes}",
        "${.ppo_epochs}",
        "${..actor.grad_clip}",
        "${..ref}",
    ),
    *(
        "${actor_rollout_ref.actor}",
        "${trainer.nnodes",
        "}${trainer.nnodes}}",
        "${trainer-x}",
        "${trainer.logger.0}",
    ),
    *("${oc.select:nope}", "${oc.select:nope,3}", "${trainer.logger[9]}", "${trainer..nnodes}", "${'x'}"),
    *("${trainer.resume_from_path}", "${${trainer.project_name}}", "${!}", "${oc.env:HOME,a:b}"),
)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.slow
def test_a_text_has_no_value_where_omegaconf_finds_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "somewhere")
    tree: Any = {}
    for key, value in {**release("0.9.1").defaults, KEY: text}.items():
        *above, name = key.split(".")
        at = tree
        for part in above:
            at = at.setdefault(part, {})
        at[name] = value
    try:
        found = OmegaConf.select(OmegaConf.create(tree), KEY)
        expected = OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found
    except OmegaConfBaseException:
        with pytest.raises(UnresolvedError) as caught:
            release("0.9.1").resolve(KEY, {KEY: text})
        assert not isinstance(caught.value, RunTimeError)
        return
    try:
        assert release("0.9.1").resolve(KEY, {KEY: text}) == expected
    except RunTimeError:
        assert "${oc.env" in text


@pytest.mark.parametrize("target", RELEASES)
@pytest.mark.parametrize(
    ("overrides", "code", "words"),
    [
        ('{%s: "${nope}"}', "TS809", "no key nope"),
        ('{trainer.logger: [console, "${nope}"]}', "TS809", "no key nope"),
        ('{%s: "${trainer.project_name}"}', "TS806", "'toolspec'"),
        ('{trainer.total_epochs: "1${trainer.nnodes}"}', "TS806", "'11'"),
        ('{trainer.total_epochs: "${data}"}', "TS806", "a mapping"),
        ('{trainer.project_name: "???"}', "TS809", "no value yet"),
        (r'{trainer.project_name: "\\${x}"}', "TS808", "becomes a text"),
        ("{algorithm.adv_estimator: grop}", "TS801", "grop"),
        ("{trainer.logger: [console, wandbb]}", "TS801", "wandbb"),
        ('{trainer.resume_mode: "${trainer.project_name}"}', "TS801", "toolspec"),
        ("{data: {seed: 1}, data.seed: 3}", "TS810", "twice"),
        ("{ray_kwargs.ray_init: {a: 1}, ray_kwargs.ray_init.a.b: 3}", "TS810", "twice"),
    ],
)
def test_an_override_that_cannot_be_is_refused(
    overrides: str, code: str, words: str, target: str, tmp_path: Path
) -> None:
    problem = refusal(tmp_path, overrides.replace("%s", KEY), target)
    assert problem.code == code
    assert words in problem.message


def test_a_default_that_points_at_an_override_keeps_its_value(tmp_path: Path) -> None:
    """rollout.prompt_length of verl is `${oc.select:data.max_prompt_length,512}`: here it goes round in a circle."""
    found = refusal(tmp_path, '{data.max_prompt_length: "${actor_rollout_ref.rollout.prompt_length}"}')
    assert found.code == "TS809"
    mandatory = refusal(tmp_path, '{trainer.nnodes: "???"}')
    assert "trainer.nnodes" in mandatory.message


def test_the_override_that_takes_a_default_its_value_is_named(tmp_path: Path) -> None:
    """Of two overrides, the one at which the default points."""
    text = "{trainer.balance_batch: true, actor_rollout_ref.model.path: '???'}"
    (tmp_path / "exp.yaml").write_text(f"{SPEC}overrides: {text}\n", "utf-8")
    with pytest.raises(ProblemError) as caught:
        compile_spec(tmp_path / "exp.yaml", (), "0.9.1", tmp_path / "bundle")
    assert {problem.path for problem in caught.value.problems} == {"overrides.actor_rollout_ref.model.path"}


@pytest.mark.parametrize(
    "overrides",
    [
        '{trainer.experiment_name: "${oc.env:X}-a"}',
        '{%s: "${oc.env:CLIP}"}',
        '{%s: "${trainer.nnodes}"}',
        '{trainer.default_local_dir: "${hydra:run.dir}/x"}',
        '{trainer.experiment_name: "${trainer.project_name}-${actor_rollout_ref.rollout.n}"}',
        "{actor_rollout_ref.rollout.agent.agent_loop_config_path: loops.yaml, "
        "actor_rollout_ref.rollout.agent.default_agent_loop: my_own}",
    ],
)
def test_what_verl_can_resolve_stays(overrides: str, tmp_path: Path) -> None:
    assert compiled(tmp_path, overrides.replace("%s", KEY)).config.notes == ()


def test_an_empty_mapping_takes_nothing_away(tmp_path: Path) -> None:
    """Hydra merges mappings: `data: {}` leaves the keys that the spec decides."""
    plain = compiled(tmp_path, "{}").config.values
    assert (
        compiled(tmp_path, "{data: {}, actor_rollout_ref.model.override_config: {}}").config.values == plain
    )


def test_a_name_that_own_code_may_register_is_a_warning(tmp_path: Path) -> None:
    found = compiled(
        tmp_path, "{algorithm.adv_estimator: mine, actor_rollout_ref.model.external_lib: my_lib}"
    )
    (note,) = found.config.notes
    assert (note.code, note.severity) == ("TS801", "warning")
    assert "external_lib" in note.message
