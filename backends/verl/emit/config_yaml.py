"""`config.yaml`: the written settings as a Hydra config, each with the place it comes from."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from toolspec.backends.verl.lower.setting import Setting, VerlConfig
from toolspec.compiler.plan.places import RUN_FOLDER, Interpolation
from toolspec.specs.dotted import nested

# Plain words that no YAML reader takes for anything but text.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./@-]*")
_NOT_PLAIN = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "none", "nan", "inf"})
_COMMENT_COLUMN = 58


def config_yaml(config: VerlConfig, name: str, files: Mapping[str, str]) -> str:
    """The text of config.yaml. Deterministic: keys in sorted order, floats in the shortest form that YAML 1.1 reads.

    files: of the spec, by the name that each has in the bundle and in the comments.
    """
    lines = [
        f"# {name} for verl {config.release.version}, compiled by toolspec. Keys not here have verl's "
        f"defaults.",
        "# The comment of each key says where its value comes from; `toolspec why KEY` says more.",
        "hydra:",
        "  searchpath: [pkg://verl.trainer.config]",
        f"  run: {{dir: {scalar(Interpolation(RUN_FOLDER + '/hydra'))}}}",
        "  output_subdir: null",
        "defaults: [ppo_trainer, _self_]",
    ]
    lines += _mapping(nested(sorted(config.written.items())), 0, files)
    return "\n".join(lines) + "\n"


def _mapping(tree: Mapping[str, Any], depth: int, files: Mapping[str, str]) -> Iterator[str]:
    pad = "  " * depth
    for name, below in tree.items():
        key = scalar(Interpolation(name))  # OmegaConf resolves nothing in keys
        if isinstance(below, Setting):
            yield from _setting(f"{pad}{key}:", below, pad, files)
        else:
            yield f"{pad}{key}:"
            yield from _mapping(below, depth + 1, files)


def _setting(start: str, setting: Setting, pad: str, files: Mapping[str, str]) -> Iterator[str]:
    value = setting.value
    if isinstance(value, str) and "\n" in value and not isinstance(value, Interpolation):
        yield f"{pad}# {origin(setting, files)}"
        yield f"{start} {quoted(escape(value))}"
        return
    text = f"{start} {flow(value)}"
    yield f"{text.ljust(_COMMENT_COLUMN)}  # {origin(setting, files)}"


def origin(setting: Setting, files: Mapping[str, str]) -> str:
    """`algorithm.batch, exp.yaml:17`: the plan path and, where there is one, the line of the spec."""
    decision = setting.decision
    if setting.plan == "overrides":
        words = decision.sources[0]
    elif decision.kind == "given":
        words = decision.reason
    else:
        words = f"{setting.plan}: {decision.reason}"
    if decision.span is not None:
        words += (
            f", {files.get(decision.span.file) or PurePath(decision.span.file).name}:{decision.span.line}"
        )
    return " ".join(words.split())


def flow(value: Any) -> str:
    """Any value on one line, as YAML 1.1 reads it back."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(Interpolation(k))}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A scalar that PyYAML and OmegaConf read back as the same value and type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    text = str(value)
    if not isinstance(value, Interpolation):
        text = escape(text)
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN:
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """Double-quoted: JSON's escapes are YAML's, but for three line breaks of YAML that JSON leaves as they are."""
    out = json.dumps(text, ensure_ascii=False)
    for character in "\x7f\x85\u2028\u2029\ufeff":
        out = out.replace(character, f"\\u{ord(character):04x}")
    return out


def _float(value: float) -> str:
    """With a dot and a signed exponent: YAML 1.1 reads `1e-06` as text."""
    if not math.isfinite(value):
        raise ValueError(f"{value} has no place in a config")
    text = repr(value)
    if "e" in text:
        mantissa, exponent = text.split("e")
        mantissa += "" if "." in mantissa else ".0"
        sign = "" if exponent.startswith(("-", "+")) else "+"
        return f"{mantissa}e{sign}{exponent}"
    return text


def escape(text: str) -> str:
    r"""`${` of a user's text as `\${`, which OmegaConf reads as the two characters."""
    return re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + r"\${", text)
