"""Imports go one way, heavy packages stay out, a bundle's modules stand alone, and no file names a machine."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "backends" / "verl" / "runtime"
# Files that other interpreters run, with a bundle's modules beside them.
INSIDE = ROOT / "backends" / "verl" / "rehearsal" / "inside"
LAYERS = ("specs", "compiler", "backends", "cli")
FOLDERS = {"specs": ROOT / "specs", "compiler": ROOT / "compiler", "backends": ROOT / "backends"} | {
    "cli": ROOT / "src" / "toolspec" / "cli"
}
# What verl's environment has beside the standard library: verl's own requirements, and what ray brings along.
IN_A_BUNDLES_REQUIREMENTS = {"math_verify"}  # emit/side_files.py: requirements_txt
IN_VERLS_ENVIRONMENT = {"jsonschema", "referencing", "regex", "transformers", "verl"}
# Import name → name in pyproject.toml.
DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "pydantic_core": "pydantic",
    "tree_sitter": "tree-sitter",
    "tree_sitter_bash": "tree-sitter-bash",
}

NAMED_MODULE = re.compile(r"toolspec(?!\.toml)(\.\w+)+(:\w+)?")


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if not {RUNTIME, INSIDE} & {*path.parents})


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import wherever it stands, with modules named in a text (`toolspec.cli.app:app`)."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "toolspec":
            yield from ((node.lineno, f"toolspec.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")
        elif isinstance(node, ast.Constant) and NAMED_MODULE.fullmatch(str(node.value)):
            yield node.lineno, str(node.value).partition(":")[0]


def found_in(paths: list[Path]) -> list[tuple[str, str]]:
    """(file:line, module) of every import of the files."""
    assert paths
    return [(f"{path.relative_to(ROOT)}:{line}", name) for path in paths for line, name in imported(path)]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_itself_and_those_before_it(layer: str) -> None:
    allowed = {"__version__", *LAYERS[: LAYERS.index(layer) + 1]}
    ours = [
        (place, name.split("."))
        for place, name in found_in(modules(FOLDERS[layer]))
        if name.startswith("toolspec")
    ]
    if layer == "cli":
        allowed.add("lsp")  # the language server stands beside the command line, which starts it
    assert [each for each in ours if each[1][1] not in allowed] == []
    assert any(parts[1] == layer for _, parts in ours), "nothing was looked at"


def test_all_imports_are_absolute() -> None:
    everything = found_in(
        [
            path
            for top in ("backends", "compiler", "specs", "src", "tests")
            for path in ROOT.glob(f"{top}/**/*.py")
        ]
    )
    assert [each for each in everything if each[1].startswith(".") or each[1].split(".")[0] in FOLDERS] == []


def test_what_is_imported_is_declared() -> None:
    """Neither more nor less: so nothing of torch, verl, hydra or transformers either, which a compile must not need."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = re.search(r"^dependencies = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert listed is not None
    declared = set(re.findall(r'"([\w-]+)', listed[1]))
    roots = {
        name.split(".")[0]
        for _, name in found_in([path for folder in FOLDERS.values() for path in modules(folder)])
    }
    others = roots - set(sys.stdlib_module_names) - {"toolspec"}
    assert {DISTRIBUTIONS.get(name, name) for name in others} == declared


def test_modules_of_a_bundle_need_nothing_of_toolspec() -> None:
    """They import the standard library, each other, what every environment of verl has, and what a bundle's own
    requirements name."""
    files = sorted(RUNTIME.rglob("*.py"))
    own = {path.stem if path.parent == RUNTIME else path.parent.name for path in files}
    assert all(name.startswith("ts_") for name in own)
    foreign = [
        (place, name)
        for place, name in found_in(files)
        if name.split(".")[0]
        not in own | IN_VERLS_ENVIRONMENT | IN_A_BUNDLES_REQUIREMENTS | set(sys.stdlib_module_names)
    ]
    assert foreign == []


def test_what_other_interpreters_run_needs_nothing_of_toolspec() -> None:
    """Of a rehearsal's worker processes: the standard library, the bundle, and for verl's what it brings along."""
    files = sorted(INSIDE.rglob("*.py"))
    own = {path.stem for path in files}
    foreign = {
        (path.name, root)
        for path in files
        for _, name in found_in([path])
        if (root := name.split(".")[0]) not in own | set(sys.stdlib_module_names)
        and not root.startswith("ts_")
    }
    brought = {
        "verl_worker.py": {"verl", "torch", "hydra", "omegaconf"},
        "model_worker.py": {"torch", "transformers"},
        "worker.py": {"verl"},  # its scorers, where `match: verl` asks for them
    }
    assert foreign == {(name, root) for name, roots in brought.items() for root in roots}


def test_the_package_is_links_to_the_folders_at_the_root() -> None:
    for name in LAYERS[:-1]:
        link = ROOT / "src" / "toolspec" / name
        assert link.is_symlink(), f"{link} must be a link (git: mode 120000)"
        assert str(link.readlink()) == f"../../{name}"


IGNORED = {"build", "dist", "runs", "__pycache__"}
SHOWN = {".ci", ".github", ".gitignore"}
MACHINE = re.compile(
    r"(?<![\w.~$}/-])/(?:work|root|home/\w+|Users/\w+|tmp/lab|mnt/\w+|opt/(?:pypi|wheels))\b"
    r"|https?://[^\s\"'`]+/simple\b|--(?:extra-)?index-url\b|(?<!==)\b(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2}\b"
)


def repository_files() -> Iterator[Path]:
    """The files of the repository, by the rules of .gitignore (git itself may not be there)."""
    for folder, names, files in os.walk(ROOT):
        names[:] = [
            name
            for name in names
            if name not in IGNORED
            and not name.endswith(".egg-info")
            and (name in SHOWN or not name.startswith("."))
        ]
        yield from (Path(folder) / name for name in files if name in SHOWN or not name.startswith("."))


def own_registry() -> set[str]:
    """Hosts and folders that pip is told to use on this machine."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    told += "\n".join(value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_")))
    places = re.findall(r"(?:https?|file)://(?:[^/\s@]*@)?([^\s'\"\\]+)", told)
    return {place.split("/simple")[0].rstrip("/") for place in places} - {"pypi.org"}


def test_no_file_names_a_machine_or_a_registry() -> None:
    here = {
        place
        for place in (str(ROOT), str(Path.home()), *own_registry())
        if place.count("/") > 1 or "." in place
    }
    found = []
    count = 0
    for path in repository_files():
        if path == Path(__file__):
            continue  # the examples below
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        count += 1
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE.search(line) or any(place in line for place in here):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert count > 100
    assert found == []


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (f"PATH=/{'root'}/.venv/bin", True),
        ("see /home/ada/data/train.parquet", True),
        ("pip install --index-url X", True),
        ("file: https://mirror.example/simple", True),
        ("RAY_ADDRESS=10.1.2.3:6379", True),
        ("~/data/train.parquet", False),
        (f"${{HOME}}/work/x and build/{'root'}/x", False),
        ("version 10.1.2", False),
    ],
)
def test_such_lines_are_found(line: str, named: bool) -> None:
    assert bool(MACHINE.search(line)) is named
