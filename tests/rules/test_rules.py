"""Every rule's own examples: found in Bad, not in Good; what is sound has no finding at all."""

from __future__ import annotations

import inspect
import json
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from rules import sound
from toolspec.backends.verl.lint.lint import Linted, lint_arguments, lint_file
from toolspec.backends.verl.lint.page import Example, parse_page
from toolspec.backends.verl.releases import NEWEST, RELEASES
from toolspec.backends.verl.rules.registry import MODULES, Loaded, rules
from toolspec.backends.verl.written.files import Files

RULES = rules()
ENOUGH = 64
"""Training rows that every batch size of the pages takes."""


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    sound.write_base(folder)
    return folder


def laid_over(
    example: Example, base: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, counting: bool = False
) -> Linted:
    """The example's files and overrides over the sound run, linted; prompts are counted where the rule needs it."""
    here = shutil.copytree(base, folder / "here")
    monkeypatch.chdir(here)
    for name, content in example.files.items():
        lines = [line for line in content.splitlines() if line.strip()]
        if name.startswith("train.") and lines:
            lines *= -(-ENOUGH // len(lines))  # a page shows one row; a batch takes more
        if name.endswith(".parquet"):
            sound.write_rows(here / name, [json.loads(line) for line in lines])
        elif name.endswith(".jsonl") and content.strip() != "(missing)":
            (here / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
        elif content.strip() == "(missing)":
            (here / name).unlink(missing_ok=True)
        else:
            # `$ARGUMENTS` in a script stands for those of the sound run.
            text = content.replace("$ARGUMENTS", shlex.join(_arguments(example)))
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_text(text, "utf-8")
    target = f"verl=={example.version or NEWEST}"
    for main in ("run.sh", "run.sbatch", "config.yaml", "exp.yaml"):
        if main in example.files:
            return lint_file(Path(main), target, Files(counting))
    return lint_arguments(_arguments(example), target, Files(counting))


def _arguments(example: Example) -> list[str]:
    return [*sound.ARGUMENTS, *shlex.split(example.overrides, comments=True)]


def test_every_file_of_a_rule_is_in_the_list() -> None:
    folder = Path(sys.modules[Loaded.__module__].__file__ or "").parent
    files = {file.stem for file in folder.glob("*.py") if "\nRULE = " in file.read_text("utf-8")}
    assert files == set(MODULES)
    assert len(files) == len(MODULES)


def page_of(loaded: Loaded):  # type: ignore[no-untyped-def]
    return parse_page(sys.modules[loaded.check.__module__].__doc__ or "")


def counts(loaded: Loaded) -> bool:
    """Whether the rule looks at how long prompts are, for which a tokenizer is started: half of an example's time."""
    return "prompt_counts" in inspect.getsource(sys.modules[loaded.check.__module__])


def told(result: Linted) -> list[str]:
    return [f"{p.code} {p.severity} {p.span}: {p.message}" for p in result.findings]


@pytest.mark.parametrize("loaded", RULES, ids=lambda loaded: loaded.rule.name)
def test_a_rule_finds_its_bad_example(
    loaded: Loaded, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, example in enumerate(page_of(loaded).bad):
        result = laid_over(example, base, tmp_path / str(number), monkeypatch, counts(loaded))
        mine = [p for p in result.findings if p.code == loaded.rule.code]
        assert mine, (told(result), [s for s in result.skipped if s.rule == loaded.rule])
        for problem in mine:
            assert problem.name == loaded.rule.name
            assert problem.keys
            assert problem.span is not None
            assert problem.message[0] == problem.message[0].strip()


@pytest.mark.parametrize("loaded", RULES, ids=lambda loaded: loaded.rule.name)
def test_a_rule_is_silent_on_its_good_example(
    loaded: Loaded, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, example in enumerate(page_of(loaded).good):
        result = laid_over(example, base, tmp_path / str(number), monkeypatch, counts(loaded))
        mine = [p for p in result.findings if p.code == loaded.rule.code]
        assert not mine, told(result)
        # Nothing else is wrong with it either, so that the example is one to copy.
        assert not [p for p in result.findings if p.severity == "error"], told(result)
        assert loaded.rule in result.checked, [s for s in result.skipped if s.rule == loaded.rule]


@pytest.mark.parametrize("version", RELEASES)
def test_the_sound_run_has_no_finding(
    version: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = laid_over(Example("", {}, version), base, tmp_path, monkeypatch, counting=True)
    assert told(result) == []


def test_codes_and_names_are_unique_and_in_their_family() -> None:
    assert len({entry.rule.code for entry in RULES}) == len(RULES)
    assert len({entry.rule.name for entry in RULES}) == len(RULES)
    for loaded in RULES:
        module = loaded.check.__module__.rpartition(".")[2]
        assert module == loaded.rule.name.replace("-", "_"), "a rule's file has its name"
