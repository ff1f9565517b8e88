"""Goldens: every example compiled for every release, byte for byte but for what the run-time modules' hashes decide."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from toolspec.backends.verl.compile import Compiled, bundle_of, compile_spec
from toolspec.backends.verl.emit.modules import runtime_files
from toolspec.backends.verl.releases import NEWEST, RELEASES
from toolspec.cli.plan import plan_lines

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = tuple(sorted(path.parent.name for path in (ROOT / "examples").glob("*/exp.yaml")))
TEXTS = ("config.yaml", "tools.yaml", "agent_loops.yaml", "ts_reward.json", "ts_loop.json", "launch.sh")
PLAN_COLUMNS = 110


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home, a model cache and a working folder with nothing in them: a bundle must not depend on them."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


def compiled(example: str, release: str) -> Compiled:
    spec = ROOT / "examples" / example / "exp.yaml"
    return compile_spec(spec, target=release, out=ROOT / "build" / example)


def golden_files(example: str, release: str) -> dict[str, str]:
    """Name of the golden → text. The bundle's digest stands for the run-time modules too and is masked."""
    bundle = bundle_of(compiled(example, release))
    manifest = json.loads(bundle.files["manifest.json"])
    texts = {name: bundle.files[name].decode() for name in TEXTS if name in bundle.files}
    launcher, named = re.subn(rf"(/{bundle.name})-[0-9a-f]{{8}}\b", r"\1-DIGEST", texts["launch.sh"])
    assert named == 1
    texts["launch.sh"] = launcher
    texts["manifest.json"] = json.dumps(without_runtime(manifest), indent=1) + "\n"
    return {f"{example}/{release}/{name}": text for name, text in texts.items()}


def without_runtime(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest without what changes whenever a run-time module or toolspec's own version does."""
    files = dict(manifest["files"])
    for name in (*runtime_files(), "launch.sh"):
        assert re.fullmatch("[0-9a-f]{64}", files.pop(name)), name
    assert re.fullmatch("[0-9a-f]{64}", manifest["bundle"])
    return {key: value for key, value in manifest.items() if key not in ("bundle", "toolspec")} | {
        "files": files
    }


def test_bundles(goldens: Any) -> None:
    texts = {"runtime_modules.txt": "".join(f"{name}\n" for name in runtime_files())}
    for example in EXAMPLES:
        for release in RELEASES:
            texts |= golden_files(example, release)
        lines = plan_lines(compiled(example, NEWEST), everything=True, columns=PLAN_COLUMNS)
        texts[f"{example}/plan.txt"] = "\n".join(lines) + "\n"
    for name, text in texts.items():
        goldens.check(name, text)


def test_a_bundle_names_nothing_of_this_machine(tmp_path: Path) -> None:
    for example in EXAMPLES:
        for path, content in bundle_of(compiled(example, NEWEST)).files.items():
            for place in (ROOT, tmp_path, Path.home()):
                assert str(place).encode() not in content, f"{example}: {path} names {place}"


def test_a_bundle_is_the_same_from_another_place(tmp_path: Path) -> None:
    """A copy of the examples elsewhere, compiled to the same place beside it, gives the same bytes."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "examples", copy / "examples")
    for example in EXAMPLES:
        here = bundle_of(compiled(example, NEWEST))
        spec = copy / "examples" / example / "exp.yaml"
        there = bundle_of(compile_spec(spec, target=NEWEST, out=copy / "build" / example))
        assert there.files == here.files, example


def test_a_bundle_is_the_same_in_another_process(tmp_path: Path) -> None:
    """Nothing rests on the order of a set: two processes with other hash seeds write the same bytes."""
    command = [sys.executable, "-m", "toolspec", "compile", str(ROOT / "examples/lora-small/exp.yaml")]
    written = []
    for seed in ("1", "2"):
        out = tmp_path / seed / "build" / "bundle"
        variables = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "src")}
        subprocess.run([*command, "--out", str(out)], env=variables, check=True, capture_output=True)
        written.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()})
    assert written[0] == written[1]
    assert Path("config.yaml") in written[0]


def test_goldens_of_no_test_are_none() -> None:
    """A golden folder whose test was renamed or deleted would never be compared again."""
    source = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for folder in (ROOT / "tests" / "golden").iterdir():
        assert f"def test_{folder.name}(" in source, folder


def test_a_missing_golden_fails_and_update_writes_it(goldens: Any, tmp_path: Path) -> None:
    kind = type(goldens)
    with pytest.raises(AssertionError, match="missing"):
        kind(tmp_path, update=False).check("a/b.txt", "text\n")
    kind(tmp_path, update=True).check("a/b.txt", "text\n")
    kind(tmp_path, update=False).check("a/b.txt", "text\n")
    with pytest.raises(AssertionError, match="differs"):
        kind(tmp_path, update=False).check("a/b.txt", "another\n")


def test_a_leftover_golden_fails_and_update_removes_it(goldens: Any, tmp_path: Path) -> None:
    kind = type(goldens)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old.txt").write_text("text\n")
    with pytest.raises(AssertionError, match=r"leftover.*a/old\.txt"):
        kind(tmp_path, update=False).finish()
    assert (tmp_path / "a" / "old.txt").is_file()
    kind(tmp_path, update=True).finish()
    assert not (tmp_path / "a" / "old.txt").exists()


def test_a_parent_of_the_same_name_is_told_apart_wherever_both_lie(tmp_path: Path) -> None:
    parent = (
        "toolspec: 1\nmodel: Qwen/Qwen2.5-3B-Instruct\ndata: {train: /rows.parquet}\nreward: {correct: 1}\n"
    )
    child = "extends: base/exp.yaml\n\n\nname: x\nalgorithm: {name: grpo, batch: 64}\n"
    bundles = []
    for place in ("here", "there/deeper"):
        folder = tmp_path / place
        (folder / "base").mkdir(parents=True)
        (folder / "base/exp.yaml").write_text(f"{parent}budget: {{epochs: 3}}\n", "utf-8")
        (folder / "exp.yaml").write_text(child, "utf-8")
        bundles.append(bundle_of(compile_spec(folder / "exp.yaml", out=folder / "out")).files)
    assert bundles[0] == bundles[1]
    text = bundles[0]["config.yaml"].decode()
    assert re.search(r"train_batch_size: 64 +# algorithm.batch, exp.yaml:5\n", text)
    assert re.search(r"total_epochs: 3 +# budget.epochs, 1-exp.yaml:5\n", text)
    assert {"spec/exp.yaml", "spec/1-exp.yaml"} <= set(bundles[0])
