"""What each command loads: nothing of verl's world, and of toolspec's own dependencies only what it uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import EXAMPLES, ROOT

pytestmark = pytest.mark.slow

SEED = str(EXAMPLES / "seed-ppo" / "exp.yaml")
GRPO = str(EXAMPLES / "seed-grpo" / "exp.yaml")
CALCULATOR = str(EXAMPLES / "calculator" / "exp.yaml")

VERLS = {"torch", "verl", "transformers", "hydra", "omegaconf", "ray", "tokenizers", "datasets"}
HEAVY = {"jinja2", "jsonschema", "pyarrow", "rich", "submitit"}
CLICK = {"click"}
# pydantic's own dependencies differ from release to release.
SPEC = CLICK | {
    "annotated_types",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
    "yaml",
}

# Runs a command line as `python -m toolspec` does; then the top-level packages that it loaded, on standard error.
PROBE = """
import json, runpy, sys
before = set(sys.modules)
code = 0
if sys.argv[1:]:
    try:
        runpy.run_module("toolspec", run_name="__main__")
    except SystemExit as end:
        code = end.code
else:
    import toolspec
top = {name.partition(".")[0] for name in set(sys.modules) - before}
foreign = top - set(sys.stdlib_module_names) - {"__main__", "cython_runtime", "toolspec"}
print(json.dumps([code, sorted(name for name in foreign if not name.startswith("_"))]), file=sys.stderr)
"""


def loaded(tmp_path: Path, *arguments: str) -> set[str]:
    """Top-level packages, not of the standard library, that a fresh process loads for a command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code, packages = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return set(packages)


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        pytest.param([], set(), id="import toolspec"),
        pytest.param(["--version"], set(), id="--version"),
        pytest.param(["--help"], CLICK, id="--help"),
        pytest.param(["compile", "--help"], CLICK, id="compile --help"),
        pytest.param(["completion", "bash"], CLICK, id="completion"),
        pytest.param(["compile", SEED], SPEC, id="compile"),
        pytest.param(["compile", SEED, "--check", "--format", "json"], SPEC, id="compile --check"),
        pytest.param(["plan", SEED], SPEC, id="plan"),
        pytest.param(["why", SEED, "actor_rollout_ref.rollout.n"], SPEC, id="why"),
        pytest.param(["diff", SEED, GRPO], SPEC, id="diff"),
        pytest.param(["migrate", SEED, "--to", "verl==0.8.0"], SPEC, id="migrate"),
        pytest.param(["init", "--from", "seed", "new.yaml"], SPEC, id="init"),
        pytest.param(["schema"], SPEC, id="schema"),
        pytest.param(["runs"], CLICK, id="runs"),
        pytest.param(["status"], CLICK, id="status"),
    ],
)
def test_a_command_loads_what_it_uses(tmp_path: Path, arguments: list[str], allowed: set[str]) -> None:
    assert loaded(tmp_path, *arguments) <= allowed


def test_rows_are_written_with_pyarrow_alone(tmp_path: Path) -> None:
    packages = loaded(tmp_path, "compile", CALCULATOR)
    assert "pyarrow" in packages
    assert not packages & (VERLS | HEAVY - {"pyarrow"})


def test_a_late_import_is_seen(tmp_path: Path) -> None:
    """The probe itself: a schema with a pattern is left to jsonschema, which is loaded for it."""
    (tmp_path / "search.json").write_text(
        json.dumps(
            {
                "type": "function",
                "function": {
                    "name": "search",
                    "description": "Find pages.",
                    "parameters": {
                        "type": "object",
                        "properties": {"query": {"type": "string", "pattern": "[a-z]+"}},
                        "required": ["query"],
                    },
                },
            }
        ),
        "utf-8",
    )
    setting = f"tools.calculator.schema={tmp_path / 'search.json'}"
    packages = loaded(tmp_path, "compile", SEED, "--check", "--set", setting)
    assert "jsonschema" in packages
    assert not packages & (VERLS | HEAVY - {"jsonschema"})
