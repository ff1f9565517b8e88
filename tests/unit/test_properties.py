"""What holds for any spec of the language. TOOLSPEC_EXAMPLES=5000 tries that many new ones a property."""

from __future__ import annotations

import json
import os
import random
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))

from spec_spelling import one_line, rendered, respelled, shuffled  # noqa: E402
from spec_strategies import specs, write_files  # noqa: E402
from toolspec.backends.verl.compile import Compiled, bundle_of, compile_loaded  # noqa: E402
from toolspec.backends.verl.emit.bundle import MANIFEST  # noqa: E402
from toolspec.backends.verl.releases import RELEASES, Release, leaves  # noqa: E402
from toolspec.compiler.plan.places import Interpolation  # noqa: E402
from toolspec.specs.loading import load  # noqa: E402
from toolspec.specs.problem import ProblemError  # noqa: E402

CHOSEN = os.environ.get("TOOLSPEC_EXAMPLES")
SETTINGS = settings(
    max_examples=int(CHOSEN or 150),
    derandomize=CHOSEN is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
DICE = st.integers(0, 2**32).map(random.Random)

# What a valid spec may still be refused for: relations between its values, with facts, or with the release.
RELATIONS: Mapping[str, str] = {
    "TS040": "unknown-model",
    "TS076": "keyword-call",
    "TS101": "uneven-batch",
    "TS102": "uneven-ranks",
    "TS103": "uneven-micro-batch",
    "TS106": "not-done",
    "TS107": "filter-metric",
    "TS201": "overlong-buffer",
    "TS202": "no-tool-round",
    "TS203": "model-length-too-small",
    "TS204": "beyond-positions",
    "TS205": "token-budget-too-small",
    "TS206": "calls-never-reached",
    "TS207": "turn-is-trajectory",
    "TS043": "unknown-tool-format",
    "TS501": "over-gpu-hours",
    "TS502": "uneven-tensor-parallel",
    "TS503": "uneven-workers",
    "TS504": "sequence-parallel-padded",
    "TS505": "uneven-sequence-parallel",
    "TS701": "evaluation-without-data",
    "TS702": "equal-samples",
    "TS703": "unknown-set",
    "TS801": "release-cannot",
    "TS802": "unknown-verl-key",
    "TS808": "dollar-brace",
    "TS809": "unresolved",
    "TS810": "overridden-twice",
    "TS811": "unknown-name",
}


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the files that specs name, and nothing of this machine's home and model cache."""
    made = write_files(tmp_path_factory.mktemp("specs"))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(made))
        patch.setenv("HF_HOME", str(made / "hub"))
        yield made


def compiled(folder: Path, text: str, release: str) -> Compiled | None:
    """The text as a spec compiled for the release; None where a relation refuses it. Loading must not fail."""
    file = folder / "exp.yaml"
    file.write_text(text, "utf-8")
    loaded = load(file)
    try:
        return compile_loaded(loaded, release, folder / "build" / "exp")
    except ProblemError as error:
        for problem in error.problems:
            assert RELATIONS.get(problem.code) == problem.name, problem
            assert problem.span is not None, f"no place: {problem}"
            assert problem.fix or problem.why, f"no way out: {problem}"
        return None


@SETTINGS
@given(specs(), DICE)
def test_any_spec_loads_in_any_spelling(folder: Path, spec: dict[str, Any], dice: random.Random) -> None:
    file = folder / "exp.yaml"
    file.write_text(one_line(spec), "utf-8")
    plain = load(file).spec
    file.write_text(rendered(respelled(shuffled(spec, dice), dice), dice), "utf-8")
    assert load(file).spec == plain


@SETTINGS
@given(specs(), DICE, st.sampled_from(RELEASES))
def test_what_compiles_is_what_the_release_takes(
    folder: Path, spec: dict[str, Any], dice: random.Random, release: str
) -> None:
    found = compiled(folder, rendered(spec, dice), release)
    assume(found is not None)
    assert found is not None
    target = found.config.release
    overlay = target.overlay(found.config.values)
    for key, setting in found.config.settings.items():
        assert target.knows(key), key
        if setting.plan != "overrides":
            assert fits(target, key, setting.value), f"{key}: {setting.value!r} is no {target.types.get(key)}"
            assert accepted(target, key, setting.value), f"{key}: {setting.value!r}"
        assert not overlay.replaced(key), f"{key} stands below a value that is no mapping"


def fits(target: Release, key: str, value: Any) -> bool:
    """Whether the value is of the type that the release's authors gave the key."""
    kinds = target.types.get(key, target.dp.unlisted.get(key, "any"))
    if kinds == "any" or isinstance(value, Interpolation):
        return True
    if value is None:
        return kinds.endswith("?")
    python: dict[str, tuple[type, ...]] = {
        "int": (int,),
        "float": (int, float),
        "bool": (bool,),
        "str": (str,),
        "list": (list, tuple),
        "dict": (dict,),
    }
    wanted = kinds.removesuffix("?").split("|")
    if isinstance(value, bool):
        return "bool" in wanted
    return any(isinstance(value, python[kind]) for kind in wanted)


# Names that a class of the bundle or of the user stands behind.
OWN_NAMES = ("reward.reward_manager.name", "actor_rollout_ref.rollout.agent.default_agent_loop")


def accepted(target: Release, key: str, value: Any) -> bool:
    """Whether the release knows the name, where it accepts certain names only."""
    choices = target.choices(key)
    if choices is None or key in OWN_NAMES or value is None or isinstance(value, Interpolation):
        return True
    return all(item in choices for item in (value if isinstance(value, list | tuple) else [value]))


@SETTINGS
@given(specs(), DICE, st.sampled_from(RELEASES))
def test_config_yaml_reads_back_as_it_was_decided(
    folder: Path, spec: dict[str, Any], dice: random.Random, release: str
) -> None:
    """YAML 1.1 as verl reads it, which takes `1e-6` and `no` for something else."""
    found = compiled(folder, rendered(spec, dice), release)
    assume(found is not None)
    assert found is not None
    read = yaml.safe_load(bundle_of(found).files["config.yaml"])
    there = dict(leaves({key: value for key, value in read.items() if key not in ("hydra", "defaults")}))
    wanted = dict(leaves({key: written(value) for key, value in found.config.values.items()}))
    assert there == wanted
    assert {key: type(value) for key, value in there.items()} == {
        key: type(value) for key, value in wanted.items()
    }


def written(value: Any) -> Any:
    r"""A decided value as config.yaml has it: `${` of a user's own is `\${` there, as OmegaConf wants it."""
    from toolspec.backends.verl.emit.config_yaml import escape

    if isinstance(value, dict):
        return {str(key): written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [written(item) for item in value]
    if isinstance(value, Interpolation):
        return str(value)
    return escape(value) if isinstance(value, str) else value


@SETTINGS
@given(specs(), DICE, st.sampled_from(RELEASES))
def test_compile_is_a_function_of_its_input(
    folder: Path, spec: dict[str, Any], dice: random.Random, release: str
) -> None:
    text = rendered(spec, dice)
    first = compiled(folder, text, release)
    assume(first is not None)
    second = compiled(folder, text, release)
    assert first is not None
    assert second is not None
    assert bundle_of(first).files == bundle_of(second).files


@SETTINGS
@given(specs(), DICE, st.sampled_from(RELEASES))
def test_key_order_changes_places_and_nothing_else(
    folder: Path, spec: dict[str, Any], dice: random.Random, release: str
) -> None:
    """The order of a section's keys. That of tools, sets and the user's own mappings is the writer's and is kept.

    The copy of the spec is another text, so its hash, the bundle's and the run folder's name are others; lines in
    comments and in plan.json say where a value stands now. All other bytes are the same.
    """
    first = compiled(folder, rendered(spec, dice), release)
    assume(first is not None)
    second = compiled(folder, rendered(shuffled(spec, dice, free=False), dice), release)
    assert first is not None
    assert second is not None
    one, other = without_places(first), without_places(second)
    assert list(one) == list(other)
    for name, content in one.items():
        assert content == other[name], name


def without_places(found: Compiled) -> dict[str, Any]:
    """A bundle less the lines of the spec, the copies of it, and the hashes of what holds either."""
    files = bundle_of(found).files
    copies = [name for name in files if name.startswith("spec/")]
    manifest = json.loads(files[MANIFEST])
    for name in (*copies, "config.yaml", "plan.json", "launch.sh"):
        del manifest["files"][name]
    del manifest["bundle"]
    plan = json.loads(files["plan.json"])
    for entry in (*plan["plan"].values(), *plan["config"].values()):
        entry.pop("line", None)
    # The order of entries counts, and is part of the text.
    left = {name: content for name, content in files.items() if name not in copies}
    return left | {
        MANIFEST: json.dumps(manifest),
        "plan.json": json.dumps(plan),
        "config.yaml": re.sub(rb"(  # .*\.yaml:)\d+$", rb"\1LINE", files["config.yaml"], flags=re.MULTILINE),
        "launch.sh": re.sub(rb"-[0-9a-f]{8}}", b"-DIGEST}", files["launch.sh"]),
    }
