"""prove.py as a process: bundles in, reports out."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from real.environment import Environment
from real.tokenizer import short_model_folder

PROVE = Path(__file__).with_name("prove") / "prove.py"

Reports = dict[str, dict[str, Any]]  # by the name of the bundle's folder
Prover = Callable[..., Reports]  # (release, bundles, scripts={}, until="", to_failure=False)


def prove(
    environment: Environment,
    variables: Mapping[str, str],
    release: str,
    bundles: Sequence[Path],
    scripts: Mapping[str, Any] = MappingProxyType({}),
    until: str = "",
    to_failure: bool = False,
) -> Reports:
    """Prove bundles with one release in one process.

    variables: added to the process's environment.
    scripts: trajectories by folder name, in place of the standard ones.
    until: the last stage to run. to_failure: no stage is run after one that failed.
    Raises RuntimeError when the process dies.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    with tempfile.TemporaryDirectory() as scratch:
        given, reports = Path(scratch) / "scripts.json", Path(scratch) / "reports.json"
        given.write_text(json.dumps(dict(scripts)), encoding="utf-8")
        command = [
            environment.python,
            PROVE,
            *bundles,
            "--verl",
            release,
            "--wheel",
            environment.wheel(release),
        ]
        command += [
            "--model",
            short_model_folder(environment),
            "--scripts",
            given,
            "--json",
            reports,
            "--quiet",
        ]
        command += [*(["--until", until] if until else []), *(["--to-failure"] if to_failure else [])]
        answer = subprocess.run(
            [str(part) for part in command],
            env={**inherited, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        if not reports.exists():
            raise RuntimeError(f"prove.py ended with {answer.returncode}: {answer.stderr[-3000:]}")
        found = json.loads(reports.read_text(encoding="utf-8"))
    return {Path(report["bundle"]).name: report for report in found}
