"""Write the table of one verl release: every key, default, type and accepted name, read from its wheel.

usage: release_table.py VERSION [--wheel FILE_OR_UNPACKED_DIR] [--out DIR]

Reads the wheel without importing verl: the composed defaults that it ships, its dataclasses and registries
with `ast`, and its METADATA. Without --wheel it is downloaded with pip. The output is deterministic and has
one key a line: supporting a release is running this and reviewing the diff.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from email.parser import HeaderParser
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from release_names import names
from release_reads import reads
from release_source import Field, Package, parsed, type_of_value, written

VERSIONS = Path(__file__).resolve().parent.parent / "backends" / "verl" / "versions"
CONFIG = "trainer/config"

# Mappings whose content goes to another library as it is, though it has defaults, and the line that does it.
PASSED_ON = {
    "ray_kwargs.ray_init": ("trainer/main_ppo.py", "ray.init(**"),
    "transfer_queue.backend": ("trainer/main_ppo.py", "tq.init(config.transfer_queue)"),
}

# Keys that take more than the type of their default.
ALSO = {
    # verl/utils/dataset/rl_dataset.py and verl/utils/tracking.py make a list of one text
    "list|str": ("data.train_files", "data.val_files", "trainer.logger"),
}
# Types by name for keys with a null default and no annotation; a name that fits none stays `any`.
# fmt: off
UNANNOTATED = {
    # verl/utils/import_utils.py: import_external_libs; verl/workers/config/model.py: asserted
    "list|str?": ("*.external_lib", "*.target_modules"),
    "dict?": ("*.engine_kwargs", "*.reward_kwargs"),
    "list?": ("*.cudagraph_capture_sizes", "global_profiler.steps"),
    "float?": ("*.gpu_memory_utilization",),
    "bool?": (
        "*.enable", "*.enable_*", "*.trust_remote_code", "*.disable_log_stats", "*.enforce_eager",
        "*.free_cache_engine", "*.skip_tokenizer_init",
    ),
    "int?": (
        "*.seed", "*_size", "*_per_gpu", "*_per_node", "*.nnodes", "*.num_*", "*.max_*", "*_length",
        "*_mb", "*.limit_images", "*.total_training_steps", "*_num_layers",
    ),
    "str?": (
        "*path", "*name", "*.url", "*_dir", "*_file", "*_class", "*_source", "*_manager", "*.tokenizer",
        "*.dtype", "*.load_format", "*.py_executable", "*.recompute_*", "*.capture-range-end",
    ),
}
# fmt: on


def flat(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaf keys, dotted; an empty mapping is a leaf."""
    for name, value in mapping.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and value:
            yield from flat(value, f"{key}.")
        else:
            yield key, value


def defaults(package: Package) -> dict[str, dict[str, Any]]:
    """Engine name to its composed defaults; `model_engine`, printed into none of them, is added."""
    found = {}
    for path in sorted((package.root / CONFIG).glob("_generated_ppo*_trainer.yaml")):
        match = re.fullmatch(r"_generated_ppo_(?:(\w+)_)?trainer\.yaml", path.name)
        assert match, path
        engine = match[1] or "dp"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        group = package.root / CONFIG / "model_engine" / f"{engine}.yaml"
        extra = yaml.safe_load(group.read_text(encoding="utf-8")) if group.exists() else {}
        found[engine] = dict(flat(content | extra))
    return found


class Engine:
    """The keys of one engine: types, mappings open to any key, keys taken though the defaults lack them."""

    def __init__(self, package: Package, keys: dict[str, Any]) -> None:
        self.package = package
        self.keys = keys
        self.sections = {key.rsplit(".", i)[0] for key in keys for i in range(1, key.count(".") + 1)}
        self.classes = self.section_classes()
        self.fields = {section: package.fields(cls) for section, cls in self.classes.items()}

    def section_classes(self) -> dict[str, str]:
        """Section to its dataclass: its `_target_`, else the annotation of the field that holds it."""
        found: dict[str, str] = {}
        for section in sorted(self.sections, key=lambda s: (s.count("."), s)):
            parent, _, name = section.rpartition(".")
            held = self.package.fields(found[parent]).get(name) if parent in found else None
            target = self.keys.get(f"{section}._target_") or (held.of_class if held else None)
            if target:
                found[section] = str(target).rsplit(".", 1)[-1]
        return found

    def field(self, key: str) -> Field | None:
        section, _, name = key.rpartition(".")
        return self.fields.get(section, {}).get(name)

    def type(self, key: str, seen: tuple[str, ...] = ()) -> str:
        """The annotated type of the key's field joined with that of its default, which never fails it."""
        field, value = self.field(key), self.keys[key]
        types = parsed(field.type) if field else set()
        if isinstance(value, str) and "${" in value:
            found = self.interpolated(value, (*seen, key))
            types |= found & {"null"} if types else found
        elif value is not None or types:
            types.add(type_of_value(value))
        text = written(types)
        return by_name(UNANNOTATED, key) or text if text == "any" else by_name(ALSO, key) or text

    def interpolated(self, text: str, seen: tuple[str, ...]) -> set[str]:
        """Type of what `${key}` or `${oc.select:key,fallback}` names; `seen` ends with the key of `text`."""
        match = re.fullmatch(r"\$\{(?:oc\.select:)?([\w.]+?)(?:,\s*(.*))?\}", text, re.S)
        if not match:
            return {"str"} if not text.startswith("${") else {"any"}
        key, fallback = match[1], match[2]
        if key.startswith("."):
            key = f"{seen[-1].rpartition('.')[0]}{key}"
        if key in self.keys and key not in seen:
            return parsed(self.type(key, seen)) | ({"null"} if self.keys[key] is None else set())
        if key in self.sections:
            return {"dict"}
        known = fallback is not None and "${" not in fallback
        return {type_of_value(yaml.safe_load(fallback))} if known else {"any"}

    def table(self) -> dict[str, Any]:
        keys = {k: {"default": v, "type": self.type(k)} for k, v in self.keys.items()}
        unlisted = self.unlisted()
        open_mappings = {k: self.why_open(k) for k, e in keys.items() if e["type"] in ("dict", "dict?")}
        open_mappings |= {k: u["source"] for k, u in unlisted.items() if u["type"] in ("dict", "dict?")}
        for key, (file, text) in PASSED_ON.items():
            lines = (self.package.root / file).read_text(encoding="utf-8").splitlines()
            if at := [n for n, line in enumerate(lines, 1) if text in line]:
                open_mappings[key] = f"verl/{file}:{at[0]}"
        return {"keys": keys, "open_mappings": open_mappings, "unlisted": unlisted}

    def unlisted(self) -> dict[str, dict[str, str]]:
        """Fields of the sections' dataclasses, and keys read with `.get`, that the defaults lack."""
        found = {
            f"{section}.{name}": {"source": field.source, "type": field.type}
            for section, fields in self.fields.items()
            for name, field in fields.items()
        }
        for key, read in reads(self.package, self.sections).items():
            guess = by_name(UNANNOTATED, key) if read["type"] == "any" else None
            found.setdefault(key, read | ({"type": guess} if guess else {}))
        return {k: v for k, v in found.items() if k not in self.keys and k not in self.sections}

    def why_open(self, key: str) -> str:
        field = self.field(key)
        return field.source if field and self.keys[key] != {} else f"default: {self.keys[key]}"


def by_name(table: Mapping[str, tuple[str, ...]], key: str) -> str | None:
    """The first type of which a pattern fits the key."""
    return next((t for t, patterns in table.items() if any(fnmatchcase(key, p) for p in patterns)), None)


def difference(dp: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What an engine adds to dp, changes in it and removes from it, for each part of the table."""
    return {
        part: {
            "added": {k: v for k, v in other[part].items() if k not in dp[part]},
            "changed": {k: v for k, v in other[part].items() if k in dp[part] and dp[part][k] != v},
            "removed": sorted(set(dp[part]) - set(other[part])),
        }
        for part in dp
    }


def groups(package: Package) -> dict[str, Any]:
    """Config group to its options, and under `""` the primary configs: what a defaults list can name."""
    root = package.root / CONFIG
    found: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*.yaml")):
        found.setdefault(path.parent.relative_to(root).as_posix().strip("."), []).append(path.stem)
    return found


def pins(metadata: Path) -> dict[str, Any]:
    message = HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
    return {
        "requires": sorted(message.get_all("Requires-Dist") or []),
        "requires_python": message["Requires-Python"],
    }


def table(folder: Path, version: str) -> dict[str, Any]:
    """The whole table of the wheel unpacked in `folder`."""
    package = Package(folder / "verl")
    found = (package.root / "version" / "version").read_text(encoding="utf-8").strip()
    if found != version:
        raise SystemExit(f"{folder} holds verl {found}, not {version}")
    engines = {name: Engine(package, keys) for name, keys in defaults(package).items()}
    dp = engines["dp"].table()
    return {
        "verl": version,
        "pins": pins(folder / f"verl-{version}.dist-info" / "METADATA"),
        "groups": groups(package),
        "enums": names(package, engines["dp"].classes, set(dp["keys"])),
        **dp,
        "engines": {name: difference(dp, e.table()) for name, e in engines.items() if name != "dp"},
    }


def rendered(value: Any, depth: int = 0) -> str:
    """JSON with sorted keys and one entry a line down to the entries themselves, which stay on their line."""
    inline = json.dumps(value, sort_keys=True, ensure_ascii=False)
    deep = isinstance(value, dict) and any(isinstance(v, dict | list) and v for v in value.values())
    entry = isinstance(value, dict) and set(value) <= {"default", "type", "source"}
    if depth and (entry or not value or not (deep or len(inline) > 100)):
        return inline
    pad = " " * (depth + 1)
    if isinstance(value, list):
        lines = [pad + json.dumps(item, ensure_ascii=False) for item in value]
    elif isinstance(value, dict):
        lines = [f"{pad}{json.dumps(k)}: {rendered(value[k], depth + 1)}" for k in sorted(value)]
    else:
        return inline
    opening, end = "[]" if isinstance(value, list) else "{}"
    return "\n".join((opening, ",\n".join(lines), " " * depth + end))


def unpacked(wheel: Path | None, version: str, scratch: Path) -> Path:
    """The folder of the wheel: given, unpacked from a file, or downloaded."""
    if wheel is not None and wheel.is_dir():
        return wheel
    if wheel is None:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(scratch)]
        subprocess.run([*pip, f"verl=={version}"], check=True)
        wheel = next(scratch.glob("verl-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch / "wheel")
    return scratch / "wheel"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the table of one verl release, read from its wheel.")
    parser.add_argument("version", help="e.g. 0.9.1")
    parser.add_argument("--wheel", type=Path, help="the wheel file, or the folder that it was unpacked into")
    parser.add_argument("--out", type=Path, default=VERSIONS, help="folder for VERSION.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        content = rendered(table(unpacked(args.wheel, args.version, Path(scratch)), args.version)) + "\n"
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{args.version}.json"
    path.write_text(content, encoding="utf-8")
    print(f"{path}: {len(content.encode()) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
