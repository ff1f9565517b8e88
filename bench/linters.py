"""Other linters of configuration files, in an environment of their own that is made once for a machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from measure import ROOT

PACKAGES = ("check-jsonschema", "yamllint", "cfn-lint")


def linters() -> Path:
    """The folder with their commands. Raises RuntimeError where the package registry does not have them."""
    sys.path.insert(0, str(ROOT / "tests"))
    from real.cache import cached

    def make(folder: Path) -> None:
        # Where it will stand: a moved environment has wrong paths in its scripts, so they are run as modules.
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "--quiet", "install"]
        done = subprocess.run([*pip, *PACKAGES], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])

    return cached("linters", list(PACKAGES), make) / "venv" / "bin" / "python"
