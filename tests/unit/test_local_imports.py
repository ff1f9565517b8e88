"""Which local files a Python file needs, found without running any."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from toolspec.backends.verl.compile import compile_spec
from toolspec.compiler.facts.local_imports import local_modules
from toolspec.specs.problem import ProblemError


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def found(root: Path, entry: str = "tools.py") -> tuple[list[str], list[str], list[str]]:
    result = local_modules(root / entry, root)
    return list(result.files), list(result.third_party), [p.name for p in result.problems]


IMPORTS = [
    ("import a", ["a.py"]),
    ("import a as b, c", ["a.py", "c.py"]),
    ("from a import x", ["a.py"]),
    ("def f():\n    import a", ["a.py"]),
    ("try:\n    import a\nexcept ImportError:\n    import c", ["a.py", "c.py"]),
    ("if x:\n    pass\nelse:\n    from a import *", ["a.py"]),
    ("async def f():\n    async with y:\n        import a", ["a.py"]),
    ("f = lambda: __import__('a')", ["a.py"]),
    (
        "import importlib\nm = importlib.import_module('pkg.sub.deep')",
        ["pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/deep.py"],
    ),
    ("import pkg", ["pkg/__init__.py"]),
    ("import pkg.mod", ["pkg/__init__.py", "pkg/mod.py"]),
    ("from pkg import mod, name", ["pkg/__init__.py", "pkg/mod.py"]),
    ("from pkg.sub import deep", ["pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/deep.py"]),
    ("from pkg.sub.deep import f", ["pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/deep.py"]),
    (
        "import pkg.rel",
        ["c.py", "pkg/__init__.py", "pkg/mod.py", "pkg/rel.py", "pkg/sub/__init__.py", "pkg/sub/deep.py"],
    ),
    ("import space.one", ["space/one.py"]),
    ("from space import one", ["space/one.py"]),
    ("import both", ["both/__init__.py"]),
    ("import loop1", ["loop1.py", "loop2.py"]),
    ("import json, os.path", []),
]
FILES = {
    "a.py": "",
    "c.py": "",
    "pkg/__init__.py": "",
    "pkg/mod.py": "",
    "pkg/rel.py": "from . import mod\nfrom .sub.deep import f\nfrom .mod import x\nimport c",
    "pkg/sub/__init__.py": "",
    "pkg/sub/deep.py": "",
    "space/one.py": "",
    "both.py": "",
    "both/__init__.py": "",
    "loop1.py": "import loop2",
    "loop2.py": "import loop1",
    "unused.py": "import nowhere",
}


@pytest.mark.parametrize(("source", "expected"), IMPORTS, ids=[s for s, _ in IMPORTS])
def test_found(tmp_path: Path, source: str, expected: list[str]) -> None:
    tree(tmp_path, {**FILES, "tools.py": source})
    assert found(tmp_path) == (sorted([*expected, "tools.py"]), [], [])


def test_third_party_is_what_is_neither_local_nor_python_s_own(tmp_path: Path) -> None:
    source = (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nimport numpy.linalg, json, a\n"
        "try:\n    from verl.tools import base_tool\nexcept ImportError: ...\n"
        "if TYPE_CHECKING:\n    import pandas\nelse:\n    import yaml\n"
    )
    tree(tmp_path, {"tools.py": source, "a.py": "import torch", "data.txt": "", "assets/x.json": ""})
    assert found(tmp_path) == (["a.py", "tools.py"], ["numpy", "torch", "verl", "yaml"], [])


def test_packages_around_the_entry_and_its_folder_and_the_root(tmp_path: Path) -> None:
    files = {
        "app/__init__.py": "import top",
        "app/tools/__init__.py": "",
        "app/tools/entry.py": "from ..shared import x\nfrom . import beside\nimport near, top, app.late",
        "app/tools/beside.py": "",
        "app/tools/near.py": "",
        "app/shared.py": "",
        "app/late.py": "",
        "top.py": "",
        "near.py": "",
    }
    tree(tmp_path, files)
    assert found(tmp_path, "app/tools/entry.py") == (sorted(set(files) - {"near.py"}), [], [])


def test_problems_name_the_import(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "tools.py": "import ok\nimport pkg.gone\nfrom .... import far\nfrom . import lost\n"
            "import random\nimport broken\n",
            "pkg/__init__.py": "",
            "ok.py": "import numpy",
            "random.py": "",
            "broken.py": "def",
        },
    )
    result = local_modules(tmp_path / "tools.py", tmp_path)
    assert result.files == ("broken.py", "ok.py", "pkg/__init__.py", "random.py", "tools.py")
    places = [(p.name, Path(p.span.file).name, p.span.line) for p in result.problems if p.span]
    assert sorted(places) == [
        ("import-missing", "tools.py", 2),
        ("import-missing", "tools.py", 4),
        ("import-outside", "tools.py", 3),
        ("module-shadows", "tools.py", 5),
        ("python-syntax", "broken.py", 1),
    ]


def test_an_entry_named_like_a_standard_module(tmp_path: Path) -> None:
    tree(tmp_path, {"calendar.py": "", "pkg/__init__.py": "", "pkg/json.py": "", "use.py": "import pkg.json"})
    assert found(tmp_path, "calendar.py")[2] == ["module-shadows"]
    assert found(tmp_path, "use.py") == (["pkg/__init__.py", "pkg/json.py", "use.py"], [], [])


def test_links_that_leave_the_root_are_refused(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", {"tools.py": "import out, inside, folder.x", "real.py": ""})
    tree(tmp_path / "other", {"out.py": "", "x.py": "import secret"})
    (root / "out.py").symlink_to(tmp_path / "other/out.py")
    (root / "folder").symlink_to(tmp_path / "other")
    (root / "inside.py").symlink_to("real.py")
    assert found(root) == (["inside.py", "tools.py"], [], ["import-outside", "import-outside"])
    (root / "entry.py").symlink_to(tmp_path / "other/out.py")
    for entry in (root / "entry.py", tmp_path / "other/out.py"):
        with pytest.raises(ProblemError):
            local_modules(entry, root)


def test_a_root_that_is_itself_a_link(tmp_path: Path) -> None:
    tree(tmp_path / "real", {"tools.py": "import a", "a.py": ""})
    (tmp_path / "link").symlink_to("real")
    assert found(tmp_path / "link")[0] == ["a.py", "tools.py"]
    assert list(local_modules(tmp_path / "real/tools.py", tmp_path / "link").files) == ["a.py", "tools.py"]


def test_limits_and_hostile_trees_end(tmp_path: Path) -> None:
    chain = {f"m{n}.py": f"import m{n + 1}" for n in range(600)}
    tree(tmp_path / "chain", {"tools.py": "import m0", **chain})
    with pytest.raises(ProblemError, match="500 files"):
        found(tmp_path / "chain")
    tree(
        tmp_path / "large",
        {
            "tools.py": "import " + ", ".join(f"m{n}" for n in range(9)),
            **{f"m{n}.py": "#" * 1_000_000 for n in range(9)},
        },
    )
    with pytest.raises(ProblemError, match="bytes"):
        found(tmp_path / "large")
    loop = tree(
        tmp_path / "loop",
        {"tools.py": f"import a.a.a.b, {'x' * 300}, {'.'.join('y' * 3000)}", "a/b.py": "from .a import b"},
    )
    (loop / "a/a").symlink_to(".")
    (loop / "self.py").symlink_to("self.py")
    assert len(found(loop)[0]) < 100  # the system gives up after some 40 links
    pipe = tree(tmp_path / "pipe", {"tools.py": "import a"})
    os.mkfifo(pipe / "a.py")
    assert found(pipe) == (["tools.py"], ["a"], [])
    with pytest.raises(ProblemError):
        local_modules(pipe / "a.py", pipe)


def test_what_is_found_is_enough_for_python_to_import_it(tmp_path: Path) -> None:
    """The judge is Python: the files alone, copied elsewhere, import; without any one of them they do not."""
    source = "import a\nfrom pkg import rel\nimport space.one\ndef f():\n    import c\nf()\n"
    tree(tmp_path / "from", {**FILES, "pkg/mod.py": "x = 1", "pkg/sub/deep.py": "f = 1", "tools.py": source})
    files, _, _ = found(tmp_path / "from")

    def imports(names: list[str], folder: Path) -> bool:
        tree(folder, {name: (tmp_path / "from" / name).read_text() for name in names})
        run = subprocess.run(
            [sys.executable, "-c", "import tools"], cwd=folder, capture_output=True, check=False
        )
        return run.returncode == 0

    assert imports(files, tmp_path / "all")
    for left_out in files:
        if not left_out.endswith("__init__.py"):  # without it a folder is still a namespace package
            rest = [name for name in files if name != left_out]
            assert not imports(rest, tmp_path / left_out.replace("/", "_")), left_out


@pytest.mark.parametrize("name", ["datasets", "tools", "scripts", "tests", "torch", "ts_reward", "json"])
def test_a_module_that_an_installed_one_hides_is_refused(name: str, tmp_path: Path) -> None:
    """`tools` is in the wheel of sglang, `scripts` and `tests` in those of verl."""
    tree(tmp_path, {"reward.py": f"import os\nfrom {name} import helper\n", f"{name}.py": "helper = 1\n"})
    (problem,) = local_modules(tmp_path / "reward.py", tmp_path).problems
    assert (problem.name, problem.severity) == ("module-shadows", "error")
    assert problem.span is not None
    assert problem.span.line == 2


def test_a_module_that_imports_itself_by_a_hidden_name_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, {"tools.py": "import tools", "mine.py": "import mine"})
    assert found(tmp_path)[2] == ["module-shadows"]
    assert found(tmp_path, "mine.py") == (["mine.py"], [], [])


def test_an_entry_is_loaded_by_its_path_whatever_it_is_called(tmp_path: Path) -> None:
    tree(
        tmp_path, {"tools.py": "import helpers", "helpers.py": "", "pkg/__init__.py": "", "pkg/tools.py": ""}
    )
    assert local_modules(tmp_path / "tools.py", tmp_path).problems == ()
    tree(tmp_path, {"reward.py": "from pkg import tools\nimport pkg.tools\n"})
    assert local_modules(tmp_path / "reward.py", tmp_path).problems == ()


def test_a_loop_that_verl_would_import_from_elsewhere_is_refused(tmp_path: Path) -> None:
    spec = """\
toolspec: 1
name: x
model: Qwen/Qwen2.5-3B-Instruct
data: {train: rows.parquet}
reward: {correct: 1}
algorithm: grpo
"""
    tree(
        tmp_path, {"tools.py": "class Loop: ...\n", "ray/__init__.py": "", "ray/data.py": "class Rows: ...\n"}
    )
    for more in (
        "agent: {class: tools.py:Loop}",
        "agent: {manager: tools.py:Loop}",
        "data: {class: ray/data.py:Rows}",
    ):
        text = (
            spec.replace("data: {train", "data: {class: ray/data.py:Rows, train")
            if "Rows" in more
            else spec + more
        )
        (tmp_path / "exp.yaml").write_text(text + "\n", "utf-8")
        with pytest.raises(ProblemError) as caught:
            compile_spec(tmp_path / "exp.yaml", out=tmp_path / "bundle")
        (problem,) = caught.value.problems
        assert (problem.name, problem.span is not None) == ("module-shadows", True)
