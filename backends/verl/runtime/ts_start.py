"""First module of the bundle in every process: the user's files importable, two places of verl mended.

Named in VERL_USE_EXTERNAL_MODULES, so verl imports it while `verl/__init__.py` is half done (0.7.1 and 0.8.0
verl/__init__.py:38-41, 0.9.1 :49-52). Nothing of verl, torch or transformers is imported here: what must be
mended is mended right after its own import, by a finder on `sys.meta_path`.

1. `<bundle>/ts_user` goes to the end of `sys.path`: the user's files can import each other and cannot shadow
   an installed package.
2. verl builds the critic with attn_implementation="flash_attention_2" whatever the config says
   (utils/model.py:641,663 of 0.7.1, :645,667 of 0.8.0, :649,674 of 0.9.1). Where flash_attn is not installed
   the request becomes `sdpa`. TOOLSPEC_ATTENTION (sdpa, eager, flash_attention_2 ...) overrides the choice.
3. The qwen3_coder parser of 0.7.1 and 0.8.0 calls `eval` on text that the policy wrote. It gets
   `ast.literal_eval`, which is what 0.9.1 does.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

BUNDLE = Path(__file__).resolve().parent
USER = BUNDLE / "ts_user"

FLASH = "flash_attention_2"


def wanted_attention() -> str:
    """The attention that a request for flash_attention_2 becomes on this machine."""
    chosen = os.environ.get("TOOLSPEC_ATTENTION")
    if chosen:
        return chosen
    return FLASH if importlib.util.find_spec("flash_attn") else "sdpa"


def mend_attention(module: ModuleType) -> None:
    """Wraps `from_pretrained` of the two auto classes that verl builds a critic with."""
    wanted = wanted_attention()
    if wanted == FLASH:
        return
    for name in ("AutoModelForTokenClassification", "AutoModelForCausalLM"):
        auto = getattr(module, name, None)
        if auto is None or "_ts_attention" in vars(auto):
            continue
        inner = auto.from_pretrained.__func__

        def from_pretrained(cls: Any, /, *args: Any, _inner: Any = inner, **kwargs: Any) -> Any:
            if kwargs.get("attn_implementation") == FLASH:
                print(f"toolspec: {cls.__name__} asked for {FLASH}, built with {wanted}", file=sys.stderr)
                kwargs["attn_implementation"] = wanted
            return _inner(cls, *args, **kwargs)

        auto.from_pretrained = classmethod(from_pretrained)
        auto._ts_attention = wanted


def mend_parser(module: ModuleType) -> None:
    """Puts a name `eval` into the module, which its functions find before the builtin."""
    module.__dict__["eval"] = ast.literal_eval


AFTER_IMPORT: dict[str, Callable[[ModuleType], None]] = {
    "transformers.models.auto.modeling_auto": mend_attention,
    "verl.experimental.agent_loop.tool_parser": mend_parser,
}


class _MendingLoader(Loader):
    """The real loader, and one function to call on the finished module."""

    def __init__(self, inner: Loader, mend: Callable[[ModuleType], None]) -> None:
        self.inner = inner
        self.mend = mend

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.inner.exec_module(module)
        self.mend(module)

    def __getattr__(self, name: str) -> Any:
        # get_source, get_filename, is_package ...: inspect and tracebacks ask the loader for them
        return getattr(self.inner, name)


class _MendingFinder(MetaPathFinder):
    """Finds the modules of AFTER_IMPORT as the other finders do, with a loader that mends them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        mend = AFTER_IMPORT.get(fullname)
        if mend is None:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _MendingLoader(spec.loader, mend)
                return spec
        return None


def start() -> None:
    """Does all of the above; a second call changes nothing."""
    for folder in (BUNDLE, USER):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    if not any(type(finder).__name__ == "_MendingFinder" for finder in sys.meta_path):
        sys.meta_path.insert(0, _MendingFinder())
    for name, mend in AFTER_IMPORT.items():
        if name in sys.modules:
            mend(sys.modules[name])


start()
