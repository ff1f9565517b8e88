"""As pre-commit calls it: of the files named, `--skip-others` takes toolspec's; `compile --check` writes nothing."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from toolspec.backends.verl.lint.inputs import inputs_in, is_input, is_spec
from toolspec.backends.verl.written.files import MAX_BYTES, Files
from toolspec.cli.app import run
from toolspec.cli.lint import answered
from toolspec.cli.lint_options import parse

EXAMPLE = Path(__file__).parents[2] / "examples" / "calculator"
SCRIPT = "#!/bin/bash\npython3 -m verl.trainer.main_ppo data.train_batch_sise=64\n"
# What other programs have in their files: `lint FILE` takes some of these for its own, and is right to if asked.
UNRELATED = {
    "compose.yaml": "services:\n  web: {image: nginx}\n",
    "lightning.yaml": "trainer:\n  max_epochs: 3\ndata:\n  path: x\n",
    "model.yaml": "model: resnet\ntools: [a]\nbudget: 3\n",
    "hydra.yaml": "defaults: [_self_]\nlr: 1\n",
    ".pre-commit-config.yaml": "repos:\n- repo: https://example.org/toolspec\n  hooks:\n  - id: toolspec-lint\n",
    "workflow.yml": "jobs:\n  toolspec:\n    runs-on: ubuntu-latest\n",
    "helm.yaml": "{{- if .Values.on }}\nkind: Pod\n{{- end }}\n",
    "broken.yaml": "a: [1\n",
    "empty.yaml": "",
    "values.yaml": "data: |\n  toolspec: 1\n  actor_rollout_ref: {}\n",
    "deploy.sh": "#!/bin/sh\nrsync -a . host:\n",
    "notes.md": "toolspec: 1\n\nRun `python3 -m verl.trainer.main_ppo`.\n",
    "make.py": "toolspec: int = 1  # verl.trainer.main_ppo\n",
}
OURS = {
    "bad.yaml": "toolspec: 1\nname: b\n",
    "verl.yaml": "actor_rollout_ref:\n  rollout: {n: 8}\n",
    "run.sh": SCRIPT,
    "run.sbatch": SCRIPT,
    "train": SCRIPT,
    "windows.yml": "# first\r\ntoolspec: 1\r\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {**UNRELATED, **OURS}.items():
        (tmp_path / name).write_bytes(text.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lint(*words: str) -> tuple[int, str]:
    asked = parse([*words])
    assert asked is not None
    return answered(asked)


def toolspec(
    patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    patch.setattr("sys.argv", ["toolspec", *words])
    code = run()
    return code, *capture.readouterr()


def files_below(folder: Path) -> dict[str, tuple[int, int]]:
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {str(path): (stat.st_size, stat.st_mtime_ns) for path, stat in found.items()}


def test_what_other_programs_have_is_passed_over() -> None:
    nothing = "no specs, verl configs or scripts of it: nothing to lint\n"
    assert lint("--skip-others", *UNRELATED) == (0, nothing)
    assert lint(*UNRELATED)[0] == 1  # without the option these are asked for, and errors


def test_what_is_toolspecs_is_not() -> None:
    files = Files()
    assert [name for name in (*UNRELATED, *OURS) if is_input(Path(name), files)] == list(OURS)
    assert [name for name in (*UNRELATED, *OURS) if is_spec(Path(name), files)] == ["bad.yaml", "windows.yml"]
    for name in OURS:
        assert lint("--skip-others", name, *UNRELATED)[0] == lint(name)[0], name


def test_a_folder_and_its_files_by_name_are_the_same_inputs(folder: Path) -> None:
    files = Files()
    named = [path for path in sorted(map(str, folder.iterdir())) if is_input(Path(path), files)]
    assert [path for path in named if not path.endswith("/train")] == inputs_in(folder, files)


def test_a_file_that_cannot_be_read_is_not_passed_over(folder: Path) -> None:
    (folder / "gone.yaml").symlink_to("nowhere")
    (folder / "large.yaml").write_bytes(b"toolspec: 1\n" + b"#" * MAX_BYTES)
    (folder / "other.yaml").write_bytes(b"other: 1\n" + b"#" * MAX_BYTES)
    for name in ("gone.yaml", "large.yaml", "missing.yaml"):
        code, text = lint("--skip-others", name)
        assert code == 1
        assert "TS020" in text
    assert lint("--skip-others", "other.yaml")[0] == 0


def test_of_a_bundle_its_config_alone_is_an_input(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(EXAMPLE, folder / "specs")
    assert toolspec(monkeypatch, capsys, "compile", "specs/exp.yaml", "--out", "runs/one")[0] == 0
    files = Files()
    names = sorted(str(path.relative_to(folder)) for path in (folder / "runs").rglob("*.*"))
    assert "runs/one/spec/exp.yaml" in names
    assert [name for name in names if is_input(Path(name), files)] == ["runs/one/config.yaml"]
    assert not any(is_spec(Path(name), files) for name in names)
    assert inputs_in(Path("runs"), files) == inputs_in(Path("runs/one"), files) == ["runs/one/config.yaml"]


def test_a_web_page_beside_a_config_is_no_bundle(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"manifest_version": 3}', "utf-8")
    (folder / "config.yaml").write_text("a: 1\n", "utf-8")
    assert str(folder / "run.sh") in inputs_in(folder, Files())


def test_every_spec_is_checked_and_nothing_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(EXAMPLE, folder / "specs")
    good = (folder / "specs" / "exp.yaml").read_text("utf-8")
    (folder / "specs" / "other.yaml").write_text(good.replace("group: 8", "group: eight"), "utf-8")
    temporary = folder / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before = files_below(folder)
    command = ("compile", "--check", "--skip-others", *UNRELATED)
    code, out, err = toolspec(monkeypatch, capsys, *command, "specs/other.yaml", "bad.yaml", "specs/exp.yaml")
    assert code == 1
    assert "specs/other.yaml:14" in err
    assert "bad.yaml" in err
    assert out.startswith("calculator → verl")
    assert toolspec(monkeypatch, capsys, *command, "specs/exp.yaml")[0] == 0
    assert toolspec(monkeypatch, capsys, *command)[:2] == (0, "nothing to compile: no spec\n")
    after = files_below(folder)
    del before[str(temporary)], after[str(temporary)]  # rows were converted in it, and it is empty again
    assert after == before


def test_check_says_what_only_the_rows_say(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As compile does: rows that cannot be converted, and too few of them."""
    shutil.copytree(EXAMPLE, folder / "specs")
    (folder / "specs" / "train.jsonl").write_text('{"question": "1 + 1", "answer": "2"}\n', "utf-8")
    code, _, err = toolspec(monkeypatch, capsys, "compile", "--check", "specs/exp.yaml")
    assert (code, "TS621" in err) == (1, True)
    assert not (folder / "build").exists()


@pytest.mark.parametrize("more", [(), ("--check", "--out", "x"), ("--check", "--format", "json")])
def test_several_specs_are_only_checked(
    more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert toolspec(monkeypatch, capsys, "compile", "bad.yaml", "windows.yml", *more)[0] == 2
