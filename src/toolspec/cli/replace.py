"""A single file of the user's, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_file(file: Path, data: bytes) -> None:
    """The file with the mode that it has, or a new one's; where it is a link, the file behind it. Raises OSError."""
    real = file.resolve()
    handle, name = tempfile.mkstemp(prefix=f".{real.name[:100]}-", dir=real.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.chmod(real.stat().st_mode & 0o7777 if real.exists() else 0o666 & ~_umask())
        fresh.replace(real)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """What new files of this process lack. It can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
