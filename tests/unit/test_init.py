"""`toolspec init`: what it writes compiles as written, and is the examples' own."""

from __future__ import annotations

import itertools
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner, Result

from toolspec.backends.verl.compile import bundle_of, compile_spec
from toolspec.backends.verl.releases import RELEASES
from toolspec.cli.init import ALGORITHMS, init
from toolspec.cli.start import FOLDER, STARTS, scalar, side_files
from toolspec.specs.algorithm import AlgorithmName
from toolspec.specs.loading import load
from toolspec.specs.problem import ProblemError
from toolspec.specs.yaml_tree import parse

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE_OF = {"seed": "seed-ppo", "calculator": "calculator", "search": "search-multinode"}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(init, [str(argument) for argument in arguments])


def test_the_algorithms_are_those_of_the_language() -> None:
    assert get_args(AlgorithmName) == ALGORITHMS


@pytest.mark.parametrize("kind", STARTS)
def test_side_files_are_those_of_the_example(kind: str) -> None:
    for name, text in side_files(kind).items():
        assert text == (EXAMPLES / EXAMPLE_OF[kind] / name).read_text("utf-8"), name


def test_every_template_is_used() -> None:
    used = {f"{kind}.yaml" for kind in STARTS} | {f"{k}-{n}.txt" for k in STARTS for n in STARTS[k].files}
    assert {path.name for path in FOLDER.iterdir()} == used


@pytest.mark.parametrize("kind", STARTS)
def test_the_spec_says_what_the_example_says(kind: str, tmp_path: Path) -> None:
    assert run(tmp_path / "exp.yaml", "--from", kind).exit_code == 0
    written = load(tmp_path / "exp.yaml").spec.model_dump(exclude={"name", "tracking"})
    example = load(EXAMPLES / EXAMPLE_OF[kind] / "exp.yaml").spec.model_dump(exclude={"name", "tracking"})
    assert written == example


@pytest.mark.parametrize(("kind", "release"), list(itertools.product(STARTS, RELEASES)))
def test_it_compiles_as_written(kind: str, release: str, tmp_path: Path) -> None:
    result = run(tmp_path / "exp.yaml", "--from", kind)
    if kind == "calculator":
        script = tmp_path / "make_data.py"
        assert str(script) in result.output
        runpy.run_path(str(script), run_name="__main__")
    compiled = compile_spec(tmp_path / "exp.yaml", target=f"verl=={release}", out=tmp_path / "build")
    assert bundle_of(compiled).files["config.yaml"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kind", ["seed", "search"])
def test_every_algorithm_and_gpu_count_compiles(kind: str, algorithm: str, tmp_path: Path) -> None:
    for gpus in (1, 3, 6, 8):
        file = tmp_path / str(gpus) / "exp.yaml"
        result = run(file, "--from", kind, "--algorithm", algorithm, "--gpus", str(gpus), "--slurm", "a-b")
        assert result.exit_code == 0, result.output
        plan = compile_spec(file, out=tmp_path / "build").plan
        assert plan["algorithm.name"] == algorithm
        assert plan["cluster.gpus"] == gpus
        assert plan["algorithm.kl.where"] == ("none" if algorithm in ("dapo", "gspo") else "loss")
        slurm = load(file).spec.cluster.slurm
        assert slurm is not None
        assert slurm.partition == "a-b"


def test_flags_reach_the_spec_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "sub").mkdir()
    result = run(
        "sub", "--model", "model", "--data", "a b.parquet", "--val", "/d/#v: x.parquet", "--name", "1e3"
    )
    assert result.exit_code == 0, result.output
    spec = load(tmp_path / "sub" / "exp.yaml").spec
    assert (spec.name, spec.model.path) == ("1e3", "../model")
    assert [source.path for source in spec.data.train] == ["../a b.parquet"]
    assert [source.path for _, source in spec.data.val_sources] == ["/d/#v: x.parquet"]


@pytest.mark.parametrize(
    "text", ["a", "1", "no", "1e-6", "a: b", "#x", "", "a\nb", "é\u2028", "{x}", "*a", "~", "@name@"]
)
def test_any_text_reads_back(text: str) -> None:
    assert parse(f"{{k: {scalar(text)}}}".encode(), "x").value == {"k": text}
    assert parse(f"k: {scalar(text)}  # c".encode(), "x").value == {"k": text}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("mine", encoding="utf-8")
    refused = run(tmp_path / "exp.yaml", "--from", "calculator")
    assert refused.exit_code == 2
    assert "tools.py is already there" in refused.output
    assert [path.name for path in tmp_path.iterdir()] == ["tools.py"]
    assert (tmp_path / "tools.py").read_text("utf-8") == "mine"
    assert run(tmp_path / "exp.yaml", "--from", "calculator", "--force").exit_code == 0
    assert (tmp_path / "tools.py").read_text("utf-8") != "mine"
    assert run(tmp_path / "exp.yaml", "--from", "calculator").exit_code == 0, "the same files are no conflict"
    assert run(tmp_path / "exp.yaml", "--from", "seed").exit_code == 2


def test_a_name_that_no_spec_can_have_writes_nothing(tmp_path: Path) -> None:
    result = run(tmp_path / "exp.yaml", "--name", "a b")
    assert isinstance(result.exception, ProblemError)
    assert result.exception.problems[0].path == "name"
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_model_is_to_be_fetched(tmp_path: Path) -> None:
    assert (
        "toolspec fetch some/model-nobody-knows"
        in run(tmp_path / "exp.yaml", "--model", "some/model-nobody-knows").output
    )
    assert "toolspec fetch" not in run(tmp_path / "b.yaml").output


def test_on_a_terminal_it_asks_what_is_not_given(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "toolspec", "init", "exp.yaml", "--model", "Qwen/Qwen3-4B"]
    ours, theirs = os.openpty()
    # start, algorithm, name, training file, validation file, GPUs, partition
    os.write(ours, b"seed\ngrpo\nmine\na.parquet\n\n4\n\n")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run(
        command, stdin=theirs, capture_output=True, cwd=tmp_path, env=environment, timeout=60, check=False
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    spec = load(tmp_path / "exp.yaml").spec
    assert (spec.name, spec.algorithm.name, spec.cluster.gpus) == ("mine", "grpo", 4)
    assert [source.path for source in spec.data.train] == ["a.parquet"]
    assert spec.cluster.slurm is None
    assert b"model" not in done.stdout.replace(b"Qwen", b"").splitlines()[0]
