"""Stands in for verl's training: it behaves outwardly as a release does, without a model and without a GPU.

It goes on the import path before an unpacked wheel of the release, whose configs and whatever else is not here are
found there.
"""

import importlib
import os
import sys
from pathlib import Path
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)


def _version() -> str:
    for folder in map(Path, __path__):
        file = folder / "version" / "version"
        if file.exists():
            return file.read_text().strip()
    sys.exit("stand-in for verl: no release of verl on the import path after it")


__version__ = _version()

for _module in filter(None, os.environ.get("VERL_USE_EXTERNAL_MODULES", "").split(",")):  # as verl does
    importlib.import_module(_module)
