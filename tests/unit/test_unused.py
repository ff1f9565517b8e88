"""No field is taken without a word: another value changes the bundle, or the spec is told that nothing reads it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))

from spec_leaves import LEAVES  # noqa: E402
from spec_spelling import one_line  # noqa: E402
from spec_strategies import specs, write_files  # noqa: E402
from toolspec.backends.verl.compile import Compiled, bundle_of, compile_spec  # noqa: E402
from toolspec.backends.verl.emit.bundle import MANIFEST  # noqa: E402
from toolspec.backends.verl.releases import RELEASES  # noqa: E402
from toolspec.specs.problem import ProblemError  # noqa: E402

CHOSEN = os.environ.get("TOOLSPEC_EXAMPLES")
SETTINGS = settings(
    max_examples=int(CHOSEN or 150),
    derandomize=CHOSEN is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
# Two values that may say the same: a file by two names, a schema and its file, `params` and `all` of the reference.
SAME = ("path", "schema", "ref")
# Read by people, or by toolspec itself before anything is decided.
FOR_READERS = {"toolspec", "description", "target", "extends", "name", "algorithm.filter.keep"}
# Plan values that the bundle carries for whoever starts the run (NOT_LOWERED says so), or that decide others.
IN_THE_PLAN = ("cluster.", "budget.gpu_hours", "data.order")

SpecPath = tuple[str | int, ...]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = write_files(tmp_path_factory.mktemp("specs"))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(made))
        patch.setenv("HF_HOME", str(made / "hub"))
        yield made


def compiled(folder: Path, text: str, release: str = "0.9.1") -> Compiled:
    (folder / "exp.yaml").write_text(text, "utf-8")
    return compile_spec(folder / "exp.yaml", (), release, folder / "build" / "exp")


def leaves_of(value: Any, path: SpecPath = (), pattern: str = "") -> Iterator[tuple[SpecPath, Any]]:
    """(path, strategy of other values) of every leaf of the language that a spec says."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves_of(item, (*path, number), pattern)
    if not isinstance(value, dict):
        return
    known = LEAVES.get(pattern, {})
    named = pattern == "tools" or (pattern == "data.val" and "path" not in value)
    for key, below in value.items():
        if key in known and not named:
            yield (*path, key), known[key]
        else:
            deeper = "<name>" if named else key
            yield from leaves_of(below, (*path, key), f"{pattern}.{deeper}".strip("."))


def with_value(value: Any, path: SpecPath, new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, list):
        return [with_value(v, path[1:], new) if n == path[0] else v for n, v in enumerate(value)]
    return {key: with_value(item, path[1:], new) if key == path[0] else item for key, item in value.items()}


def fingerprint(found: Compiled) -> Any:
    """All that a run or its launcher reads of a bundle."""
    files = bundle_of(found).files
    plain = {
        name: body
        for name, body in files.items()
        if not name.startswith("spec/") and name not in (MANIFEST, "plan.json", "config.yaml", "launch.sh")
    }
    launcher = re.sub(rb"-[0-9a-f]{8}}", b"-DIGEST}", files["launch.sh"])
    plan = {path: found.plan[path] for path in found.plan if path.startswith(IN_THE_PLAN)}
    return found.config.values, plain, launcher, plan, found.facts.data.hash, found.facts.data.train


@SETTINGS
@given(specs(), st.data(), st.sampled_from(RELEASES))
def test_every_value_counts_or_is_said_not_to(
    folder: Path, spec: dict[str, Any], data: st.DataObject, release: str
) -> None:
    found = [
        (p, s) for p, s in leaves_of(spec) if ".".join(map(str, p)) not in FOR_READERS and p[-1] not in SAME
    ]
    path, strategy = data.draw(st.sampled_from(found))
    old = spec
    for part in path:
        old = old[part]
    new = data.draw(strategy)
    assume(str(new) != str(old) and "auto" not in (old, new))
    try:
        first = compiled(folder, one_line(spec), release)
        second = compiled(folder, one_line(with_value(spec, path, new)), release)
    except ProblemError:
        assume(False)
    dotted = ".".join(map(str, path))
    # An override wins over the field that its key is of (docs/language.md).
    assume(dotted != "tracking.experiment" or "trainer.experiment_name" not in spec.get("overrides", {}))
    told = {note.path for side in (first, second) for note in side.notes}
    if any(dotted == said or dotted.startswith(f"{said}.") for said in told):
        return
    if canonical(first, path) == canonical(second, path):
        return
    if fingerprint(first) == fingerprint(second):  # no assert: pytest would print both bundles
        raise AssertionError(f"{dotted}: {old!r} or {new!r}, and the bundle is the same")


def canonical(found: Compiled, path: SpecPath) -> Any:
    """The value that the models read there: `5%` and `0.05`, a word and its mapping are one."""
    value: Any = found.loaded.spec
    for part in path:
        if isinstance(value, (dict, tuple, list)):
            value = value[part]  # type: ignore[index]
        else:
            names = {info.alias or name: name for name, info in type(value).model_fields.items()}
            value = getattr(value, names[str(part)])
    return value


LISTS = ("cluster.slurm.extra", "cluster.slurm.modules", "cluster.slurm.setup")
SPEC = """\
toolspec: 1
name: x
model: {path: Qwen/Qwen2.5-3B-Instruct}
data: {train: [{path: rows.jsonl}], columns: {prompt: question, answer: answer}}
reward: {correct: 1}
algorithm: {name: grpo}
"""
TOOL = "tools: {calculator: {python: tools.py:calculator}}\n"
VAL = SPEC.replace("data: {", "data: {val: rows.jsonl, ")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (SPEC + "budget: {turns: 3}\n", "budget.turns"),
        (SPEC + "budget: {rounds: 2, user_turns: 2}\n", "budget.rounds budget.user_turns"),
        (SPEC + "budget: {calls: 2, tool_response_tokens: 64}\n", "budget.calls budget.tool_response_tokens"),
        (SPEC + "rollout: {parallel_calls: 2}\n", "rollout.parallel_calls"),
        (SPEC.replace("correct: 1", "correct: 1, valid_call: 0.2, bad_call: -1"), "reward.valid_call"),
        (
            SPEC.replace("correct: 1", "correct: 1, forged_result: -1, used_result: 0.1")
            + "agent: {class: installed.Loop}\n",
            "reward.forged_result reward.used_result",
        ),
        (SPEC.replace("grpo", "grpo, kl: none") + "train: {offload: {ref: params}}\n", "train.offload.ref"),
        (SPEC.replace("struct}", "struct, lora: 8}") + "train: {offload: {ref: all}}\n", "train.offload.ref"),
        (SPEC + "train: {offload: {critic: all}}\n", "train.offload.critic"),
        (SPEC.replace("grpo", "grpo, lambda: 0.9"), "algorithm.lambda"),
        (SPEC.replace("grpo", "gspo, clip: {dual: 5}"), "algorithm.clip.dual"),
        (SPEC + "evaluation: {samples: 4, temperature: 1}\n", "evaluation.samples evaluation.temperature"),
        (VAL + "evaluation: {top_p: 0.9}\n", "evaluation.top_p"),
        (SPEC + "checkpoint: {every: never, keep: 3}\n", "checkpoint.keep"),
        (SPEC.replace("data: {", "data: {order: given, seed: 3, "), "data.seed"),
        (SPEC.replace("jsonl}", "jsonl, columns: {prompt: prompt, answer: answer}}"), "data.columns"),
        (SPEC + "sweep: {algorithm.entropy: [0, 0.1]}\n", "sweep"),
    ],
)
def test_a_field_that_nothing_reads_is_a_warning_at_its_place(text: str, path: str, folder: Path) -> None:
    notes = compiled(folder, text).notes
    assert {note.path for note in notes} == set(path.split())
    for note in notes:
        assert (note.severity, note.name) == ("warning", "no-effect")
        assert note.span is not None
        assert note.fix


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (SPEC + "budget: {turn_tokens: 64}\n", "budget.turn_tokens"),
        (SPEC.replace("grpo", "grpo, gamma: 0.9"), "algorithm.gamma"),
        (SPEC.replace("data: {", "data: {class: mine.py:Rows, "), "data.columns"),
        (
            SPEC.replace("Qwen/Qwen2.5-3B-Instruct", "~/m, tool_format: hermes, revision: v1"),
            "model.revision",
        ),
        (
            SPEC.replace("grpo", "dapo, filter: {metric: correct}").replace("correct: 1", "format: 1"),
            "algorithm.filter.metric",
        ),
    ],
)
def test_what_would_train_something_else_is_an_error(text: str, path: str, folder: Path) -> None:
    if "revision" in text:
        text += "rollout: {tensor_parallel: 1}\n"
    with pytest.raises(ProblemError) as caught:
        compiled(folder, text)
    (problem,) = caught.value.problems
    assert (problem.path, problem.span is not None) == (path, True)


@pytest.mark.parametrize(
    "text",
    [
        SPEC + TOOL + "budget: {turns: 3, calls: 2, tool_response_tokens: 64, turn_tokens: 64}\n",
        SPEC + "budget: {turns: 1}\n",
        SPEC.replace("grpo", "reinforce++, gamma: 0.9"),
        SPEC.replace("grpo", "ppo, gamma: 0.9, lambda: 0.9")
        + "train: {offload: {critic: all, ref: params}}\n",
        SPEC + "train: {offload: params}\n",
        SPEC.replace("grpo", "dapo, filter: {metric: correct}"),
        VAL + "evaluation: {samples: 4, temperature: 1, top_p: 0.9}\n",
        SPEC.replace("struct}", "struct, revision: main}"),
    ],
)
def test_what_is_read_is_no_warning(text: str, folder: Path) -> None:
    assert compiled(folder, text).notes == ()


def test_a_reward_of_ones_own_is_told_of_the_filters_metric(folder: Path) -> None:
    text = SPEC.replace("grpo", "dapo, filter: {metric: correct}").replace(
        "correct: 1", "python: reward.py:score"
    )
    (note,) = compiled(folder, text).notes
    assert (note.code, note.severity, note.path) == ("TS107", "warning", "algorithm.filter.metric")


def test_the_branch_main_is_the_model_itself(folder: Path) -> None:
    """`revision: main` named a link that launch.sh does not make."""
    found = compiled(folder, SPEC.replace("struct}", "struct, revision: main}"))
    assert found.config.values["actor_rollout_ref.model.path"] == "Qwen/Qwen2.5-3B-Instruct"


def test_every_field_of_slurm_is_in_the_plan(folder: Path) -> None:
    slurm = (
        "{partition: gpu, account: a, qos: q, time: 12h, constraint: c, exclude: n1, mail: m@x.org, "
        "cpus: 8, memory: 64GB, restarts: 3, notice: 5m, "
        "extra: {nice: 10}, modules: [cuda], setup: [source venv], "
        "container: {image: i.sqsh, mounts: ['/a:/b'], workdir: /w, runtime: apptainer}}"
    )
    found = compiled(folder, f"{SPEC}cluster: {{slurm: {slurm}}}\n")
    said = {path.removeprefix("cluster.slurm."): found.plan[path] for path in found.plan if "slurm." in path}
    bare = compiled(folder, f"{SPEC}cluster: {{slurm: {{}}}}\n").plan
    assert {bare[path] for path in bare if "slurm." in path and path not in LISTS} == {
        "none",
        *(10, 180),  # restarts, notice
    }
    assert said == {
        **{
            "partition": "gpu",
            "account": "a",
            "qos": "q",
            "constraint": "c",
            "exclude": "n1",
            "mail": "m@x.org",
        },
        **{"extra": {"nice": 10}, "modules": ("cuda",), "setup": ("source venv",)},
        **{"cpus": 8, "memory": 65536, "restarts": 3, "notice": 300, "container.runtime": "apptainer"},
        **{"container.image": "i.sqsh", "container.mounts": ("/a:/b",), "container.workdir": "/w"},
    }
    assert found.plan["cluster.time_seconds"] == 43200
    for path in found.plan:
        if "slurm." in path:
            assert found.plan.decisions[path].span is not None
