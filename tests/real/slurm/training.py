"""What a job needs to run the stand-in for training: an environment with plain Ray, and variables.

The real config of the release is composed, by real Hydra, from its real wheel; only the training is the stand-in's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from real.cache import cached
from real.environment import RELEASES, Unavailable, download_wheel, run_pip, say, usable_python

STAND_IN = Path(__file__).with_name("stand_in")
REQUIREMENTS = ("ray==2.60.0", "hydra-core>=1.3,<1.4")  # ray without extras: no grpc, no dashboard
RAY = '#!/bin/sh\nexec "{python}" -c "from ray.scripts.scripts import main; main()" "$@"\n'


class JobEnvironment(NamedTuple):
    """`binaries`: folders for the front of PATH (python3, ray). `wheels`: a folder for each release of verl."""

    binaries: tuple[Path, ...]
    wheels: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.binaries[-1] / "python3"

    def variables(self, plan: Mapping[str, Any], release: str = RELEASES[-1]) -> dict[str, str]:
        """Variables of a job (or of a submit, which hands them on) whose `python3 -m verl.trainer.main_ppo` is the
        stand-in of a release, behaving by `plan`: see stand_in/verl/stand_in/plan.py."""
        return {
            "PATH": os.pathsep.join([*map(str, self.binaries), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": f"{STAND_IN}{os.pathsep}{self.wheels / release}",
            "STAND_IN": json.dumps(plan),
            "RAY_USAGE_STATS_ENABLED": "0",
            # Node by node, as /tmp is on a cluster: two nodes with one folder would both send the lines of its logs.
            "RAY_TMPDIR": "/var/tmp",
        }


def job_environment() -> JobEnvironment:
    """The environment, made on the first call (a minute). Raises Unavailable."""
    python, version = usable_python()
    content = {"python": version, "requirements": REQUIREMENTS, "releases": RELEASES}
    folder = cached("ray", content, lambda unfinished: _build(unfinished, python))
    return JobEnvironment((folder / "bin", folder / "venv" / "bin"), folder / "releases")


def _build(folder: Path, python: str) -> None:
    say(f"making the environment of lab jobs in {folder.parent} (a minute, once)")
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    try:
        subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True, env=clean, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"no venv: {error}") from error
    inside = folder / "venv" / "bin" / "python"
    run_pip(inside, "install", *REQUIREMENTS)
    for release in RELEASES:
        download_wheel(inside, f"verl=={release}", folder / "releases" / release)
    # pip's own script names the interpreter by the path before the folder is renamed.
    (folder / "bin").mkdir()
    script = folder / "bin" / "ray"
    script.write_text(RAY.format(python=folder.with_suffix("") / "venv" / "bin" / "python"))
    script.chmod(0o755)


if __name__ == "__main__":
    made = job_environment()
    print(made.python, made.wheels, file=sys.stdout)
