"""What the README and the other pages show is true: commands, outputs, releases, links."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tiny_model import write_model
from toolspec.backends.verl.lint.pages import documents
from toolspec.backends.verl.releases import RELEASES, TABLES
from toolspec.backends.verl.rules.registry import rules
from toolspec.cli.app import COMMANDS
from toolspec.specs.codes import CODES

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = (
    README,
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
EXAMPLE = ROOT / "examples" / "calculator" / "exp.yaml"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\((?!https?://|#)([^)#\s]+)(?:#([^)]*))?\)")
# In wrong.yaml of the README: what is written in place of what.
FAULTS = {"group: 8": "group: eight", "prompt_tokens": "promt_tokens"}


def blocks(kind: str) -> list[str]:
    return [text for name, text in BLOCK.findall(README.read_text("utf-8")) if name == kind]


def settled(output: str) -> str:
    """An output without the hash of the bundle, which every change of a run-time module changes, and without times."""
    return re.sub(r" +\d+\.\d m?s\b", " … s", re.sub(r"sha256 [0-9a-f]{12}…", "sha256 …", output))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the README's commands are run: the examples, a spec with faults, a model, and the script that is shown."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    text = EXAMPLE.read_text("utf-8")
    for right, wrong in FAULTS.items():
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    (tmp_path / "examples" / "calculator" / "wrong.yaml").write_text(text, "utf-8")
    write_model(tmp_path / "examples" / "calculator" / "my-model")
    (tmp_path / "run.sh").write_text(blocks("bash")[0], "utf-8")
    return tmp_path


def printed(command: str, folder: Path) -> str:
    """What a command line of the README prints on a terminal of 100 columns, without colour."""
    name, *arguments = shlex.split(command.removeprefix("$ "))
    assert name == "toolspec"
    variables = {
        "PYTHONPATH": str(ROOT / "src"),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "HF_HOME": str(folder / "hub"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "toolspec", *arguments],
        cwd=folder,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.slow
def test_every_output_shown_is_what_is_printed(folder: Path, request: pytest.FixtureRequest) -> None:
    """`pytest --update` writes them anew."""
    shown = blocks("console")
    assert len(shown) >= 3
    commands = [block.partition("\n")[0] for block in shown]
    now = [f"{command}\n{printed(command, folder)}" for command in commands]
    if request.config.getoption("--update"):
        page = README.read_text("utf-8")
        for before, after in zip(shown, now, strict=True):
            page = page.replace(before, after)
        README.write_text(page, "utf-8")
    assert [settled(text) for text in blocks("console")] == [settled(text) for text in now]


def test_the_spec_shown_is_the_example() -> None:
    assert EXAMPLE.read_text("utf-8") in blocks("yaml")


def test_every_command_is_in_the_table() -> None:
    rows = re.findall(r"^\| `([a-z]+)[^`]*` \| (.*?) \|$", README.read_text("utf-8"), re.MULTILINE)
    assert rows == [(name, line) for name, (_, line) in COMMANDS.items()]


def test_the_releases_shown_are_those_there_are() -> None:
    rows = re.findall(r"^\| (\d[\d.]+) \| (\w+) \| yes \|$", README.read_text("utf-8"), re.MULTILINE)
    assert rows == [(version, "yes" if version in RELEASES else "no") for version in TABLES]


def test_set_up_is_two_commands_of_the_makefile() -> None:
    (block,) = blocks("sh")
    commands = [line.partition("#")[0].split() for line in block.splitlines()]
    assert commands == [["make", "demo"], ["make", "test"]]
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {"demo", "test", "check"} <= set(targets)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text("utf-8")):
        found = page.parent / target
        assert found.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)", found.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_paths_named_exist(page: Path) -> None:
    """A path in backquotes that starts at a folder of the repository is there."""
    tops = "|".join(("backends", "bench", "compiler", "docs", "examples", "scripts", "specs", "src", "tests"))
    named = re.findall(rf"`((?:{tops})/[\w./-]+)`", page.read_text("utf-8"))
    there = [ROOT / re.sub(r"/(NAME|X\.Y\.Z)\.\w+$", "", name) for name in named]
    assert [path for path in there if not path.exists()] == []


def test_pages_of_rules_are_current() -> None:
    made = documents(rules())
    folder = ROOT / "docs" / "rules"
    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == made, (
        "python -m toolspec.backends.verl.lint.pages docs/rules"
    )


def test_the_table_of_mechanisms_has_every_rule() -> None:
    named = re.findall(r"TS\d{3}", (ROOT / "docs" / "mechanisms.md").read_text("utf-8"))
    assert {entry.rule.code for entry in rules()} - set(named) == set()
    assert set(named) - set(CODES) == set()
