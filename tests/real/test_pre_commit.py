"""The hooks in .pre-commit-hooks.yaml, installed by the real pre-commit from a git remote and started by git."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from real.environment import Unavailable
from real.pre_commit_here import REV, ROOT, PreCommit, pre_commit_in
from real.skips import not_here

pytestmark = pytest.mark.real

EXAMPLE = ROOT / "examples" / "calculator"
LINT, CHECK = "toolspec lint", "toolspec compile --check"
CONFIG = """\
repos:
- repo: {remote}
  rev: {rev}
  hooks:
  - id: toolspec-lint
    {more}
  - id: toolspec-compile-check
"""
UNRELATED = {
    "compose.yaml": "services:\n  web: {image: nginx}\n",
    "lightning.yaml": "trainer:\n  max_epochs: 3\n",
    "model.yaml": "model: resnet\ntools: [a]\n",
    "chart/pod.yml": "{{- if .Values.on }}\nkind: Pod\n{{- end }}\n",
    "deploy.sh": "#!/bin/sh\nrsync -a . host:\n",
}
SCRIPT = "#!/bin/bash\necho a script\npython3 -m verl.trainer.main_ppo trainer.save_frequency=20\n"


@pytest.fixture(scope="module")
def pre_commit(tmp_path_factory: pytest.TempPathFactory) -> PreCommit:
    """pre-commit with the hooks' environment installed."""
    folder = tmp_path_factory.mktemp("pre-commit")
    try:
        made = pre_commit_in(folder)
    except Unavailable as reason:
        not_here(f"pre-commit cannot be had: {reason}")
    first = repository(made, folder / "first")
    done = made(first, "install-hooks")
    assert done.returncode == 0, done.stdout
    return made


@pytest.fixture
def work(pre_commit: PreCommit, tmp_path: Path) -> Path:
    return repository(pre_commit, tmp_path / "work")


def repository(pre_commit: PreCommit, folder: Path, more: str = "") -> Path:
    """A repository of somebody's whose commits start the hooks."""
    folder.mkdir()
    pre_commit.git(folder, "init", "--quiet")
    config = CONFIG.format(remote=json.dumps(str(pre_commit.remote)), rev=REV, more=more)
    (folder / ".pre-commit-config.yaml").write_text(config, "utf-8")
    (folder / ".gitignore").write_text("build/\n", "utf-8")
    assert pre_commit(folder, "install").returncode == 0
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def commit(pre_commit: PreCommit, folder: Path) -> tuple[int, dict[str, str], str]:
    """git's exit code, what became of each hook, and all that was printed. The hooks leave the folder as it was."""
    pre_commit.git(folder, "add", "--all")
    before = files_of(folder)
    done = pre_commit.run(folder, "git", "commit", "--message", "a change")
    assert files_of(folder) == before
    lines = [line.partition("...") for line in done.stdout.splitlines() if "..." in line]
    return done.returncode, {name: rest.strip(".") for name, _, rest in lines}, done.stdout


def files_of(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def spec(*changes: str) -> str:
    """The example's spec; changes: `before → after`."""
    text = (EXAMPLE / "exp.yaml").read_text("utf-8")
    for change in changes:
        before, _, after = change.partition(" → ")
        assert text.count(before) == 1
        text = text.replace(before, after)
    return text


def with_example(folder: Path, text: str) -> None:
    shutil.copytree(EXAMPLE, folder / "specs", ignore=shutil.ignore_patterns("__pycache__", "build"))
    (folder / "specs" / "exp.yaml").write_text(text, "utf-8")


def test_manifest_and_the_page_are_what_pre_commit_takes(pre_commit: PreCommit, tmp_path: Path) -> None:
    done = pre_commit(ROOT, "validate-manifest", ".pre-commit-hooks.yaml")
    assert done.returncode == 0, done.stdout
    page = (ROOT / "docs" / "ci.md").read_text("utf-8")
    (block,) = (text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "repos:" in text)
    (tmp_path / "config.yaml").write_text(block, "utf-8")
    done = pre_commit(tmp_path, "validate-config", "config.yaml")
    assert (done.returncode, done.stdout) == (0, "")


def test_unrelated_files_are_passed_over(pre_commit: PreCommit, work: Path) -> None:
    write(work, UNRELATED)
    code, hooks, said = commit(pre_commit, work)
    assert (code, hooks) == (0, {LINT: "Passed", CHECK: "Passed"}), said


def test_a_sound_spec_is_committed(pre_commit: PreCommit, work: Path) -> None:
    write(work, UNRELATED)
    with_example(work, spec())
    code, hooks, said = commit(pre_commit, work)
    assert (code, hooks) == (0, {LINT: "Passed", CHECK: "Passed"}), said
    assert "specs/exp.yaml" in pre_commit.git(work, "ls-tree", "-r", "--name-only", "HEAD")


@pytest.mark.parametrize("name", ["run.sh", "jobs/run.sbatch"])
def test_a_bad_script_is_refused_with_the_finding(pre_commit: PreCommit, work: Path, name: str) -> None:
    write(work, {**UNRELATED, name: SCRIPT})
    code, hooks, said = commit(pre_commit, work)
    assert (code, hooks[LINT]) == (1, "Failed"), said
    assert f"{name}:3:34: error[TS802] unknown-verl-key" in said
    assert "did you mean `trainer.save_freq`?" in said
    assert not [line for line in said.splitlines() if line.startswith(tuple(UNRELATED))]


def test_a_bad_verl_config_is_refused(pre_commit: PreCommit, work: Path) -> None:
    write(work, {"conf/verl.yaml": "actor_rollout_ref:\n  rollout:\n    tensor_paralel: 2\n"})
    code, hooks, said = commit(pre_commit, work)
    assert (code, hooks) == (1, {LINT: "Failed", CHECK: "Passed"}), said
    assert "conf/verl.yaml:3:5: error[TS802]" in said


def test_a_bad_spec_is_refused_by_both(pre_commit: PreCommit, work: Path) -> None:
    write(work, UNRELATED)
    with_example(work, spec("group: 8 → group: eight"))
    code, hooks, said = commit(pre_commit, work)
    assert (code, hooks) == (1, {LINT: "Failed", CHECK: "Failed"}), said
    assert said.count("specs/exp.yaml:14:43: error[TS026] wrong-value") == 2
    assert pre_commit.run(work, "git", "rev-parse", "HEAD").returncode != 0, "nothing was committed"


def test_a_spec_that_only_compile_refuses(pre_commit: PreCommit, work: Path) -> None:
    """A file of the repository's stands where the bundle belongs: no fault in what is trained."""
    with_example(work, spec())
    write(work, {"build": "how to build the project\n"})
    code, hooks, said = commit(pre_commit, work)
    assert (code, hooks) == (1, {LINT: "Passed", CHECK: "Failed"}), said
    assert "error[TS032] bundle-exists" in said


def test_rows_that_do_not_fit_are_refused(pre_commit: PreCommit, work: Path) -> None:
    """Too few for a step: the rows are converted to know it, and not into the repository."""
    with_example(work, spec("batch: 64 → batch: 1024"))
    code, hooks, said = commit(pre_commit, work)
    assert (code, hooks[CHECK]) == (1, "Failed"), said
    assert "specs/exp.yaml:14:32: error[TS621]" in said
    assert not (work / "build").exists()


def test_processes_side_by_side_say_the_same_twice(pre_commit: PreCommit, tmp_path: Path) -> None:
    """Lint too in several processes, over one cache of answers: the second time they are kept ones."""
    work = repository(pre_commit, tmp_path / "work", "require_serial: false")
    write(work, UNRELATED)
    with_example(work, spec())
    for number in range(12):
        text = SCRIPT if number % 4 == 0 else "verl.trainer.main_ppo is not started\n"
        write(work, {f"runs/run{number}.sh": text})
        write(work, {f"specs/exp{number}.yaml": spec(f"name: calculator → name: number{number}")})
    pre_commit.git(work, "add", "--all")
    before = files_of(work)
    first, second = (pre_commit(work, "run", "--all-files", "--verbose") for _ in range(2))
    assert files_of(work) == before
    for done in (first, second):
        assert done.returncode == 1
        found = {line.partition(":")[0] for line in done.stdout.splitlines() if "error[TS802]" in line}
        assert found == {"runs/run0.sh", "runs/run4.sh", "runs/run8.sh"}
        assert sum(line.startswith("number") for line in done.stdout.splitlines()) == 12
        assert "Traceback" not in done.stdout
    settled = [
        [line for line in done.stdout.splitlines() if "duration" not in line] for done in (first, second)
    ]
    assert sorted(settled[0]) == sorted(settled[1])
