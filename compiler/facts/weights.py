"""How many numbers the stored weights hold, from the headers of the safetensors files; no tensor is read.

Format: eight bytes with the header's length (little-endian), then that many bytes of JSON: name -> {dtype,
shape}.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from toolspec.specs.named_file import UnreadableError, is_regular, open_regular, read

# 100 MB is the limit of the safetensors library itself.
MAX_HEADER_BYTES = 100_000_000
MAX_INDEX_BYTES = 64 << 20
_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
_FLOATS = frozenset({"BF16", "F16", "F32", "F64"})


def count_stored_parameters(directory: Path, quantized: bool, dtype: str | None) -> int | None:
    """The number of weights in model.safetensors, or in the shards that model.safetensors.index.json names.

    With the index but not every shard, its `total_parameters`, or `total_size` by the size of `dtype`.
    None where there are no such files, where they are damaged, or where weights are packed (quantized), since
    then the stored numbers are not the model's.
    """
    if quantized:
        return None
    single = directory / "model.safetensors"
    if is_regular(single):
        return _count_in(single)
    index = _index(directory)
    if index is None:
        return None
    shards, metadata = index
    files = [directory / name for name in shards]
    if files and all(map(is_regular, files)):
        counts = [_count_in(file) for file in files]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None
    total = metadata.get("total_parameters")
    if type(total) is int and total > 0:
        return total
    size, width = metadata.get("total_size"), _BYTES.get(dtype or "")
    return size // width if type(size) is int and size > 0 and width else None


def _index(directory: Path) -> tuple[list[str], dict[str, object]] | None:
    file = directory / "model.safetensors.index.json"
    try:
        index = json.loads(read(file, MAX_INDEX_BYTES))
    except (UnreadableError, ValueError, RecursionError):
        return None
    if not isinstance(index, dict) or not isinstance(index.get("weight_map"), dict):
        return None
    names = {name for name in index["weight_map"].values() if isinstance(name, str)}
    metadata = index.get("metadata")
    # A shard lies beside its index: a path in the map is not followed.
    return sorted(n for n in names if Path(n).name == n), metadata if isinstance(metadata, dict) else {}


def _count_in(file: Path) -> int | None:
    try:
        with open_regular(file) as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= min(MAX_HEADER_BYTES, file.stat().st_size - 8):
                return None
            header = json.loads(stream.read(length))
    except (UnreadableError, OSError, ValueError, RecursionError):
        return None
    if not isinstance(header, dict):
        return None
    total = 0
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        if not isinstance(tensor, dict) or tensor.get("dtype") not in _FLOATS:
            return None
        shape = tensor.get("shape")
        if not isinstance(shape, list) or not all(type(n) is int and 0 <= n < 1 << 40 for n in shape):
            return None
        total += math.prod(shape)
    return total or None
