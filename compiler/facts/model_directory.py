"""Facts about a model from a directory in the hub's layout. Files are read as data; their code is not run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolspec.compiler.facts.architecture import ModelFacts, architecture_facts, token_ids
from toolspec.compiler.facts.chat_format import tool_format_of
from toolspec.compiler.facts.weights import count_stored_parameters
from toolspec.specs.named_file import UnreadableError, read_text
from toolspec.specs.problem import Problem, ProblemError

# config.json and generation_config.json are a few KB (the largest, with a quantisation table, 3 MB);
# tokenizer_config.json lists added tokens, a chat template is at most some 100 KB.
MAX_BYTES: Mapping[str, int] = {
    "config.json": 16 << 20,
    "generation_config.json": 1 << 20,
    "tokenizer_config.json": 32 << 20,
    "special_tokens_map.json": 1 << 20,
    "chat_template.json": 4 << 20,
    "chat_template.jinja": 4 << 20,
}


def read_model_directory(path: Path, name: str | None = None) -> ModelFacts:
    """Reads config.json, generation_config.json, the chat template and the headers of the weights.

    name: what to call the model; default: the directory as given. All but config.json may be missing.
    Raises ProblemError (TS041) where config.json is missing, and where one of the files is not a JSON
    mapping, not UTF-8, too large, or cannot be read.
    """
    config = read_mapping(path, "config.json")
    if config is None:
        raise model_files_problem(
            f"{path} has no config.json",
            why="the model's size, positions and vocabulary are read from it",
            fix="give the directory that holds config.json, or the model's hub name",
        )
    facts = architecture_facts(config)
    generation = read_mapping(path, "generation_config.json") or {}
    if ids := token_ids(generation.get("eos_token_id")):
        facts["eos_token_ids"] = ids
    stored = count_stored_parameters(path, quantized=facts["quantization"] is not None, dtype=facts["dtype"])
    if stored is not None:
        facts.update(parameters=stored, parameters_from="weights")
    template = chat_template(path)
    tool_format, reason = (
        (None, "there is no chat template") if template is None else tool_format_of(template)
    )
    return ModelFacts(
        name=name or str(path),
        origin=f"directory {path}",
        source="its config.json",
        directory=path,
        tool_format=tool_format,
        tool_format_reason=reason,
        chat_template_sha256=""
        if template is None
        else hashlib.sha256(template.encode(errors="surrogatepass")).hexdigest(),
        **facts,
    )


def chat_template(path: Path) -> str | None:
    """The directory's chat template: chat_template.jinja, else chat_template.json, else
    tokenizer_config.json's.

    Of several named templates `tool_use`, else `default`: what transformers takes when tools are given
    (tokenization_utils_base.get_chat_template). Raises ProblemError (TS041).
    """
    if (text := read_model_text(path, "chat_template.jinja")) is not None:
        return text
    for file in ("chat_template.json", "tokenizer_config.json"):
        value = (read_mapping(path, file) or {}).get("chat_template")
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            named = {t.get("name"): t.get("template") for t in value if isinstance(t, Mapping)}
            value = named.get("tool_use", named.get("default"))
            if isinstance(value, str):
                return value
    return None


def merge_catalogue(read: ModelFacts, known: ModelFacts | None) -> ModelFacts:
    """What was read, with the catalogue's count of parameters and tool format where the files do not tell."""
    if known is None:
        return read
    changes: dict[str, Any] = {}
    if known.parameters is not None and read.parameters_from != "weights":
        changes.update(parameters=known.parameters, parameters_from=known.parameters_from)
        changes.update(vision_parameters=known.vision_parameters)
    if read.active_parameters is None:
        changes.update(active_parameters=known.active_parameters)
    if read.tool_format is None and not read.chat_template_sha256:
        changes.update(tool_format=known.tool_format, tool_format_reason=known.tool_format_reason)
    return read._replace(**changes)


def read_mapping(path: Path, name: str) -> dict[str, Any] | None:
    """The JSON mapping in the directory's file, None without the file. Raises ProblemError (TS041)."""
    text = read_model_text(path, name)
    if text is None:
        return None
    file = path / name
    try:
        value = json.loads(text)
    except RecursionError:
        raise model_files_problem(f"{file} is nested too deep") from None
    except ValueError as error:
        raise model_files_problem(
            f"{file} is not JSON: {error}", fix="copy the file again from the hub"
        ) from None
    if not isinstance(value, dict):
        raise model_files_problem(f"{file} holds no mapping", fix="copy the file again from the hub")
    return value


def read_model_text(path: Path, name: str) -> str | None:
    """The text of the directory's file, None without the file. Raises ProblemError (TS041)."""
    file, limit = path / name, MAX_BYTES["chat_template.jinja" if name.endswith(".jinja") else name]
    try:
        return read_text(file, limit)
    except UnreadableError as error:
        if error.missing:
            return None
        why = "no such file of a real model is that large" if error.too_large else ""
        raise model_files_problem(
            f"cannot read {file}: {error}", why, fix="copy the file again from the hub"
        ) from None


def model_files_problem(message: str, why: str = "", fix: str = "") -> ProblemError:
    """The problem of a model's files."""
    return ProblemError((Problem("TS041", "model-files", message, path="model.path", why=why, fix=fix),))
