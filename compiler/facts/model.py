"""The one way to a model's facts: a directory, else the local Hugging Face cache, else the catalogue."""

from __future__ import annotations

from pathlib import Path

from toolspec.compiler.facts.architecture import ModelFacts
from toolspec.compiler.facts.catalogue import find_model, nearest_models
from toolspec.compiler.facts.hub_cache import cache_folder, find_snapshot, is_hub_name
from toolspec.specs.named_file import UnreadableError, is_folder, is_regular, located
from toolspec.specs.problem import Problem, ProblemError


def model_facts(
    path_or_name: str, revision: str | None, base: Path, cache: Path | None = None, suggest: bool = True
) -> ModelFacts:
    """Facts about the model that a spec or config names.

    path_or_name: a directory (`~` is expanded; relative to `base`), or a hub name. revision: commit, branch
    or tag.
    cache: the Hugging Face cache's folder, default by the environment (hub_cache.cache_folder).
    suggest: whether the error names what was meant, which looks through the whole catalogue.
    What the files of a directory or of the cache say goes before the catalogue, which adds what they do not
    say.
    The catalogue knows the main branch only; with another revision its facts are still taken, and `origin`
    says so.
    Raises ProblemError: TS040 for a name that is known nowhere, TS041 for files that cannot be used.
    """
    directory = _directory(path_or_name, base)
    if directory is not None:
        from toolspec.compiler.facts.model_directory import read_model_directory

        return read_model_directory(directory, path_or_name)._replace(origin=f"directory {path_or_name}")
    known = find_model(path_or_name) if is_hub_name(path_or_name) else None
    folder = cache_folder() if cache is None else cache
    for name in dict.fromkeys((path_or_name, known.name if known is not None else path_or_name)):
        snapshot = find_snapshot(name, revision, folder)
        if snapshot is not None:
            from toolspec.compiler.facts.model_directory import merge_catalogue, read_model_directory

            read = read_model_directory(snapshot, name)
            origin = f"Hugging Face cache, revision {snapshot.name[:12]}"
            source = f"config.json of {name} at {snapshot.name}"
            return merge_catalogue(read._replace(origin=origin, source=source, revision=snapshot.name), known)
    if known is not None:
        return known if revision in (None, "main") else known._replace(origin="catalogue (main branch)")
    raise _unknown(path_or_name, base, suggest)


def _directory(text: str, base: Path) -> Path | None:
    """The directory that the text names, if it names one. Raises ProblemError for a file, and for no text."""
    if not text or "\0" in text:
        raise _unknown(text, base)
    try:
        path = located(text, base)
    except UnreadableError:
        return None
    if is_folder(path):
        return path
    if is_regular(path):
        message = f"{text} is a file; a model is a directory with config.json, or a hub name"
        fix = f"model: {Path(text).parent}" if Path(text).parent != Path() else ""
        raise ProblemError((Problem("TS041", "model-files", message, path="model.path", fix=fix),))
    return None


def _unknown(name: str, base: Path, suggest: bool = True) -> ProblemError:
    shown = name if len(name) <= 200 else name[:200] + "…"
    if is_hub_name(name):
        near = nearest_models(name) if suggest else ()
        meant = f"did you mean {' or '.join(near)}? Else " if near else ""
        message = f"unknown model {shown}: it is in neither the catalogue nor the local Hugging Face cache"
        fetch = f"run `toolspec fetch {name}` where there is network"
        fix = f"{meant}{fetch}, or give a local directory with config.json"
    else:
        message = f"there is no model directory {shown!r} (relative to {base})"
        fix = "give a directory that exists, or a hub name such as Qwen/Qwen2.5-3B-Instruct"
    why = "sizes, positions and the way of writing a call are read from the model's files, never guessed"
    return ProblemError((Problem("TS040", "unknown-model", message, path="model.path", why=why, fix=fix),))
