"""Values that fit one by one and not together are refused with a way out, and what verl can do is not refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolspec.backends.verl.compile import compile_spec
from toolspec.specs.problem import ProblemError

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "calculator" / "exp.yaml"
ONE_TURN = """\
toolspec: 1
name: one
model: Qwen/Qwen2.5-0.5B-Instruct
data: {train: train.parquet}
reward: {correct: 1}
algorithm: grpo
"""


def refused(tmp_path: Path, *sets: str, spec: Path = EXAMPLE) -> list[tuple[str, str, str]]:
    """(code, path, fix) of each problem of a spec with these settings."""
    try:
        compile_spec(spec, sets, out=tmp_path / "build" / "exp")
    except ProblemError as error:
        return [(problem.code, problem.path, problem.fix) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("nodes", "gpus", "size", "fix"),
    [
        (1, 8, 4, None),
        (2, 8, 16, None),  # an engine over two nodes
        (4, 8, 16, None),
        (2, 2, 4, None),
        (1, 8, 16, "tensor_parallel: 8"),
        (3, 8, 16, "tensor_parallel: 8"),  # a node is left over
        (2, 8, 12, "tensor_parallel: 8"),
        (1, 8, 3, "tensor_parallel: 2"),
    ],
)
def test_an_engine_is_a_part_of_a_node_or_whole_nodes(
    tmp_path: Path, nodes: int, gpus: int, size: int, fix: str | None
) -> None:
    sets = (
        f"cluster={{nodes: {nodes}, gpus: {gpus}}}",
        f"rollout.tensor_parallel={size}",
        "algorithm.batch=192",
    )
    assert refused(tmp_path, *sets) == ([] if fix is None else [("TS502", "rollout.tensor_parallel", fix)])


def test_a_single_turn_has_no_limit_beside_the_trajectory(tmp_path: Path) -> None:
    spec = tmp_path / "exp.yaml"
    spec.write_text(ONE_TURN, "utf-8")
    found = refused(tmp_path, "budget.turn_tokens=100", spec=spec)
    assert found == [("TS106", "budget.turn_tokens", "say it as trajectory_tokens")]
    same = ("budget.turn_tokens=100", "budget.trajectory_tokens=100")
    assert refused(tmp_path, *same, spec=spec) == []
    assert refused(tmp_path, "budget.turn_tokens=100") == []


@pytest.mark.parametrize(
    ("sets", "warned"),
    [
        (("algorithm.name=dapo",), True),
        (("algorithm.overlong={buffer: 64}",), True),
        ((), False),
        (("algorithm.name=dapo", "algorithm.overlong=false"), False),
        (("algorithm.name=dapo", "reward.length={weight: 1}"), False),
    ],
)
def test_a_long_response_is_punished_once(tmp_path: Path, sets: tuple[str, ...], warned: bool) -> None:
    term = "reward.length={weight: -1, shape: overlong, buffer: 64}"
    found = compile_spec(EXAMPLE, ("reward={correct: 1}", term, *sets), out=tmp_path / "build" / "exp")
    assert ("TS419" in [problem.code for problem in found.notes]) == warned
