"""What docs/ci.md shows is taken: its YAML and TOML are read, its commands run on a repository with one bad script."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from toolspec.backends.verl.lint.inputs import SUFFIXES
from toolspec.backends.verl.lint.settings import find_settings
from toolspec.backends.verl.written.files import Files
from toolspec.cli.lint_options import parse

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
SCRIPT = "python3 -m verl.trainer.main_ppo trainer.save_frequency=20\n"


def documents() -> list[Any]:
    return [yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml"]


def scripts(document: Any) -> Iterator[list[str]]:
    """The command lines of each job of a workflow, in their order."""
    for job in document.values() if "jobs" not in document else document["jobs"].values():
        if isinstance(job, dict) and ("steps" in job or "script" in job):
            yield job.get("script") or [step["run"] for step in job["steps"] if "run" in step]


JOBS = [
    *(job for document in documents() for job in scripts(document)),
    *(text.splitlines() for kind, text in BLOCKS if kind == "sh"),
]
CODES = {"--exit-zero": 0, "--update-baseline": 0, "--baseline": 0, "compile": 0, "lint": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with a bad script, a good spec and a file of another program's; `toolspec` is on PATH."""
    work = tmp_path / "work"
    shutil.copytree(
        ROOT / "examples" / "calculator", work / "specs", ignore=shutil.ignore_patterns("__pycache__")
    )
    (work / "run.sh").write_text(SCRIPT, "utf-8")
    (work / "compose.yaml").write_text("services: {}\n", "utf-8")
    for command in (("init", "--quiet"), ("add", "--all")):
        subprocess.run(["git", *command], cwd=work, check=True)
    program = tmp_path / "bin" / "toolspec"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m toolspec "$@"\n', "utf-8")
    program.chmod(0o755)
    return work


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    variables = {
        "PATH": f"{folder.parent / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "XDG_CACHE_HOME": str(folder.parent / "cache"),
    }
    return subprocess.run(
        ["sh", "-ec", line],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
@pytest.mark.parametrize("job", JOBS, ids=lambda job: job[-1][:60])
def test_every_command_does_what_the_page_says(job: list[str], folder: Path) -> None:
    own = [line for line in job if not line.startswith("pip install git+")]
    assert own, "nothing but an installation"
    for line in own:
        assert "toolspec" in line
        code = next(code for word, code in CODES.items() if word in line)
        done = run(line, folder)
        assert done.returncode == code, done.stdout + done.stderr
        written = re.search(r"> ([\w.]+)$", line)
        output = (folder / written[1]).read_text("utf-8") if written else done.stdout
        if "--format github" in line:
            assert "::error title=TS802 unknown-verl-key,file=run.sh,line=1,col=34" in output
        if "--format sarif" in line:
            (scan,) = json.loads(output)["runs"]
            assert "TS802" in {result["ruleId"] for result in scan["results"]}
            assert all(result["locations"] for result in scan["results"]), "code scanning refuses the file"
        if "--format junit" in line:
            assert int(ElementTree.fromstring(output).attrib["failures"]) > 0


def test_the_page_has_a_job_for_each() -> None:
    lines = "\n".join(line for job in JOBS for line in job)
    assert len(JOBS) == 4
    for words in (
        "--format github",
        "--format sarif",
        "--format junit",
        "--update-baseline",
        "compile --check",
    ):
        assert words in lines


def test_a_report_is_uploaded_from_where_it_is_written() -> None:
    uploads = [
        (step["with"]["sarif_file"], [other["run"] for other in job["steps"] if "run" in other])
        for document in documents()
        for job in document.get("jobs", {}).values()
        for step in job["steps"]
        if step.get("uses", "").startswith("github/codeql-action/upload-sarif@")
    ]
    ((file, lines),) = uploads
    assert any(line.endswith(f"> {file}") for line in lines)


def test_the_hooks_named_are_those_there_are() -> None:
    (config,) = (document for document in documents() if "repos" in document)
    (repository,) = config["repos"]
    assert [hook["id"] for hook in repository["hooks"]] == [hook["id"] for hook in HOOKS]
    assert re.findall(r"^\| `(toolspec-[\w-]+)`", PAGE, re.MULTILINE) == [hook["id"] for hook in HOOKS]


def test_the_lint_hook_gets_the_files_that_a_folder_gives() -> None:
    files = next(hook["files"] for hook in HOOKS if hook["id"] == "toolspec-lint")
    assert all(re.search(files, f"a/b{suffix}") for suffix in SUFFIXES)
    assert not [name for name in ("a.py", "a.md", "yaml", "a.yaml.j2") if re.search(files, name)]
    assert files.count("|") == len(SUFFIXES) - 1


def test_options_on_the_page_are_options() -> None:
    shown = re.findall(r"args: (\[[^\]]+\])", PAGE)
    assert len(shown) == 3
    for text in shown:
        assert parse(["--skip-others", *yaml.safe_load(text), "a.yaml"]) is not None


def test_the_settings_shown_are_settings(tmp_path: Path) -> None:
    (text,) = (text for kind, text in BLOCKS if kind == "toml")
    (tmp_path / ".toolspec.toml").write_text(text, "utf-8")
    assert find_settings(tmp_path, Files()).exclude == ("old/*",)


def test_what_has_no_place_is_told_at_its_input(folder: Path) -> None:
    """Code scanning refuses a whole file for one result without a location."""
    done = run("toolspec lint run.sh gone.yaml --format sarif --exit-zero", folder)
    (scan,) = json.loads(done.stdout)["runs"]
    places = {
        result["ruleId"]: [one["physicalLocation"]["artifactLocation"]["uri"] for one in result["locations"]]
        for result in scan["results"]
    }
    assert places["TS020"] == ["gone.yaml"]
    assert places["TS802"] == ["run.sh"]
