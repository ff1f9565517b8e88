"""Python files that verl loads by a path in the configuration: a reward function, a manager, a dataset, a sampler.

Source: utils/import_utils.py load_module and load_extern_object (0.9.1: :151-250), the same in all releases: a file is
run under a name that is not in sys.modules, and the object is looked up in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from toolspec.backends.verl.lint.derived import FUNCTION, MANAGER, uses_v1
from toolspec.backends.verl.lint.facts.places import is_missing
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.module_names import ModuleNames, read_names
from toolspec.compiler.facts.python_source import PythonSource, parse_source, read_source


class Slot(NamedTuple):
    """A pair of keys. kind: what the object is. read: whether the release and the rest of the keys read it."""

    path: str
    name: str
    kind: str
    read: Callable[[View], bool]


def _always(view: View) -> bool:
    return True


SLOTS: tuple[Slot, ...] = (
    Slot(f"{FUNCTION}.path", f"{FUNCTION}.name", "reward function", _always),
    Slot(
        f"{MANAGER}.module.path",
        f"{MANAGER}.name",
        "reward manager",
        lambda view: view.value(f"{MANAGER}.source") == "importlib",
    ),
    Slot("data.custom_cls.path", "data.custom_cls.name", "dataset class", _always),
    Slot(
        "data.sampler.class_path",
        "data.sampler.class_name",
        "sampler",
        lambda view: not view.at_least("0.8.0"),
    ),
    Slot(
        "trainer.v1.sampler.custom_sampler.path",
        "trainer.v1.sampler.custom_sampler.name",
        "replay buffer",
        # trainer/ppo/v1/trainer_base.py:147-151: only where both are given
        lambda view: uses_v1(view) and bool(view.value("trainer.v1.sampler.custom_sampler.name")),
    ),
)


class Written(NamedTuple):
    """A slot as the run fills it. text: the path without `file://`. file: where it is at hand."""

    slot: Slot
    text: str
    file: Path | None

    @property
    def pseudo(self) -> str:
        """The key of findings inside the file: its name."""
        return Path(self.text).name


def written(view: View) -> Iterator[Written]:
    """Every slot that the run fills with a path. What a spec's own bundle brings is left out.

    A slot that cannot be known is raised for after all others.
    """
    unknown: NotKnownError | None = None
    for slot in SLOTS:
        try:
            found = filled(view, slot)
        except NotKnownError as error:
            unknown = unknown or error
            continue
        if found is not None:
            yield found
    if unknown is not None:
        raise unknown


def filled(view: View, slot: Slot) -> Written | None:
    """One slot; None where it is empty, not read, or holds an importable module (`pkg://`)."""
    said = view.said(slot.path)
    if said is None or (view.run.spec is not None and not said.overridden):
        return None
    text = view.text(slot.path)
    if not text or text.startswith("pkg://") or not slot.read(view):
        return None
    text = text.removeprefix("file://")
    path = view.path(text)
    return Written(slot, text, path if path is not None and path.is_file() else None)


def missing(view: View, one: Written) -> bool:
    """Whether the file is certainly not there. Raises NotKnownError where it may be, on the machine of the run."""
    if one.file is not None:
        return False
    path = view.path(one.text)
    return path is not None or is_missing(view, one.slot.path, one.text)


def source_of(view: View, one: Written) -> tuple[PythonSource, ModuleNames]:
    """The file's tree and names. Raises NotKnownError where it is not at hand, ProblemError where it is no Python."""
    if one.file is None:
        raise NotKnownError(f"the file of {one.slot.path} ({one.text})")
    return python_file(view, one.file)


def python_file(view: View, file: Path) -> tuple[PythonSource, ModuleNames]:
    """A Python file's tree and names. Raises ProblemError where it is no Python or cannot be read."""
    return view.files.once("python", file, lambda: _python(file))


def _python(file: Path) -> tuple[PythonSource, ModuleNames]:
    source = parse_source(read_source(file), str(file))
    return source, read_names(source.tree)
