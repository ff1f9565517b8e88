"""Loads the user's functions and classes from `<bundle>/ts_user`, once a process, under private module names.

A private name, because `tools.py` or `reward.py` may be the name of something installed. The module is in
`sys.modules` before its code runs, so dataclasses and pickling within the process work.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import ts_start

_lock = threading.RLock()


def load_file(file: str) -> ModuleType:
    """The module of `<bundle>/ts_user/<file>`. Raises FileNotFoundError, or what the user's code raises."""
    path = (ts_start.USER / file).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"the bundle has no file ts_user/{file}")
    dotted = _in_package(path)
    if dotted:
        return importlib.import_module(dotted)
    name = f"_ts_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    with _lock:
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"ts_user/{file} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module


def _in_package(path: Path) -> str:
    """`pkg.inner` for a module of a package in ts_user, so that its relative imports work; "" for any other file."""
    root = ts_start.USER.resolve()
    if path.parent == root or not path.is_relative_to(root) or not (path.parent / "__init__.py").is_file():
        return ""
    return ".".join(path.relative_to(root).with_suffix("").parts)


def load_object(file: str, name: str) -> Any:
    """`name` of `<bundle>/ts_user/<file>`. Raises AttributeError with the file's name."""
    module = load_file(file)
    if not hasattr(module, name):
        raise AttributeError(f"ts_user/{file} defines no {name!r}")
    return getattr(module, name)


def load_class(reference: str) -> Any:
    """`file.py:Class` of the user's files, or `module.Class` of an installed or a bundled module."""
    if ":" in reference:
        file, _, name = reference.rpartition(":")
        return load_object(file, name)
    module, _, name = reference.rpartition(".")
    if not module:
        raise ImportError(f"{reference!r} is neither file.py:Class nor module.Class")
    return getattr(importlib.import_module(module), name)


def read_json(name: str) -> dict[str, Any]:
    """A JSON file of the bundle; {} where it has none. Raises ValueError if it holds no mapping."""
    import json

    path = Path(ts_start.BUNDLE) / name
    if not path.is_file():
        return {}
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"{name} must hold a mapping, not {type(value).__name__}")
    return value
