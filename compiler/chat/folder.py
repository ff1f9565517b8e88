"""A model's folder as AutoTokenizer reads it: templates by name, special tokens, added tokens. Files are data.

Source: transformers 5.10.4 tokenization_utils_base.py `_from_pretrained` and `special_tokens_map`; tokenizers without a
tokenizer.json (vocab.json and merges.txt, tokenizer.model) are not read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.compiler.chat.tokenizer_class import GENERAL, TokenizerClass, tokenizer_class
from toolspec.compiler.facts.model_directory import model_files_problem, read_mapping, read_model_text
from toolspec.specs.named_file import is_regular

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
MOST_BYTES = 256 << 20
"""Of a tokenizer.json: the largest in use, of 262,144 entries, have 33 MB."""
TEMPLATES = "additional_chat_templates"
EXTRA, EXTRA_BEFORE = "extra_special_tokens", "additional_special_tokens"
"""A list of special tokens, or a mapping of such that have names; and the list's name before transformers 5."""


class Added(NamedTuple):
    """Tokens beside the vocabulary. listed: of tokenizer_config.json, as keywords of tokenizers.AddedToken.

    special: texts of the special tokens, which are added where nothing else adds them.
    """

    listed: tuple[Mapping[str, Any], ...] | None = None
    special: tuple[str, ...] = ()


class ChatFolder(NamedTuple):
    """templates: by name, `default` for the only one. tokens: special tokens by their names, as templates see them.

    tokenizer: tokenizer.json, None without one. unknown: why its ids cannot be had, as a clause; "" where they can.
    """

    path: Path
    templates: Mapping[str, str]
    tokens: Mapping[str, str]
    tokenizer: Path | None
    added: Added
    kind: TokenizerClass = GENERAL
    unknown: str = ""

    def template(self, tools: bool) -> str | None:
        """The template that is taken with or without tools. Source: PreTrainedTokenizerBase.get_chat_template."""
        if tools and "tool_use" in self.templates:
            return self.templates["tool_use"]
        return self.templates.get("default")

    @property
    def pad_token(self) -> str | None:
        """What verl pads with: eos where the model names none (utils/tokenizer.py set_pad_token_id)."""
        return self.tokens.get("pad_token") or self.tokens.get("eos_token")

    @property
    def variables(self) -> Mapping[str, str]:
        """The names that a template finds beside messages and tools, under verl."""
        pad = self.pad_token
        return {**self.tokens, **({"pad_token": pad} if pad is not None else {})}


def template_hash(template: str) -> str:
    return hashlib.sha256(template.encode(errors="surrogatepass")).hexdigest()


def read_chat_folder(path: Path) -> ChatFolder:
    """Raises ProblemError (TS041) for files that cannot be read."""
    config = dict(read_mapping(path, "tokenizer_config.json") or {})
    config.setdefault(EXTRA, config.pop(EXTRA_BEFORE, None))
    listed = config.get("added_tokens_decoder")
    if not isinstance(listed, dict):
        config.update(read_mapping(path, "special_tokens_map.json") or {})
        config[EXTRA] = config.get(EXTRA) or config.get(EXTRA_BEFORE)
    model = read_mapping(path, "config.json") or {}
    named = config.get("tokenizer_class") or model.get("tokenizer_class")
    kind = tokenizer_class(_text(model.get("model_type")), _text(named), config)
    tokens = {
        **kind.tokens,
        **{name: text for name in NAMED if (text := _text(config.get(name))) is not None},
    }
    for name in NAMED:
        if name in config and config[name] is None:
            tokens.pop(name, None)  # said to be none
    # Tokens of the model's own, such as `image_token`, are names of a template too.
    own = {key: config[key] for key in config if key.endswith("_token") and key not in NAMED}
    extra = config.get(EXTRA)
    own.update(extra if isinstance(extra, dict) else {})
    without_name = [text for one in extra if (text := _text(one))] if isinstance(extra, list) else []
    tokens.update({key: text for key, value in own.items() if (text := _text(value)) is not None})
    file = path / "tokenizer.json"
    added = Added(
        _added(listed, path) if isinstance(listed, dict) else None,
        tuple(dict.fromkeys((*tokens.values(), *without_name))),
    )
    return ChatFolder(
        path,
        _templates(path, config.get("chat_template")),
        tokens,
        file if is_regular(file) else None,
        added,
        kind,
        _unknown(file, kind, config),
    )


def _unknown(file: Path, kind: TokenizerClass, config: Mapping[str, Any]) -> str:
    try:
        size = file.stat().st_size
    except OSError:
        return ""
    if size > MOST_BYTES:
        return f"tokenizer.json has {size >> 20:,} MiB, and no model's has more than {MOST_BYTES >> 20}"
    if kind.own:
        return f"of {kind.name} transformers makes parts itself that toolspec does not know"
    if config.get("split_special_tokens"):
        return (
            "`split_special_tokens` of tokenizer_config.json cuts special tokens in pieces: toolspec does not"
        )
    return ""


def _templates(path: Path, written: Any) -> dict[str, str]:
    """chat_template.jinja and those beside it; without them what tokenizer_config.json has."""
    found: dict[str, str] = {}
    if (text := read_model_text(path, "chat_template.jinja")) is not None:
        found["default"] = text
    folder = path / TEMPLATES
    try:
        names = sorted(one.name for one in folder.glob("*.jinja"))[:32]
    except OSError:
        names = []
    for name in names:
        text = read_model_text(folder, name)
        if text is not None:
            found[name.removesuffix(".jinja")] = text
    if found:
        return found
    if isinstance(written, str):
        return {"default": written}
    if isinstance(written, list):
        pairs = [(one.get("name"), one.get("template")) for one in written if isinstance(one, dict)]
        return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}
    return {}


def _added(listed: Mapping[str, Any], path: Path) -> tuple[Mapping[str, Any], ...]:
    found: dict[int, dict[str, Any]] = {}
    for number, token in listed.items():
        if not (
            str(number).isdecimal() and isinstance(token, dict) and isinstance(token.get("content"), str)
        ):
            raise model_files_problem(
                f"{path}: added_tokens_decoder of tokenizer_config.json has no token at {number}"
            )
        flags = {
            name: token[name]
            for name in ("single_word", "lstrip", "rstrip", "normalized", "special")
            if isinstance(token.get(name), bool)
        }
        found[int(number)] = {"content": token["content"], **flags}
    return tuple(found[number] for number in sorted(found))


def _text(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None
