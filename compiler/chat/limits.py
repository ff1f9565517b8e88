"""What a chat template or a tokenizer may use. They are programs of whoever wrote the model's folder."""

from __future__ import annotations

MEMORY = 300 << 20
"""Bytes of address space of a process that renders, Python and Jinja2 (some 60 MB) among them."""
LOADING_MEMORY = 3 << 30
"""The same while a tokenizer.json is read: a vocabulary of 262,144 entries takes 0.5 GB."""
ROOM = 512 << 20
"""Beyond what a tokenizer takes when it is loaded."""
RENDER_SECONDS = 1.0
"""CPU seconds of a request, whatever its size: compiling the largest templates in use takes 0.2."""
SECONDS_A_BYTE = 5e-6
"""CPU seconds more for a byte of the request, some twenty times what rendering and counting it takes."""
LOADING_SECONDS = 30.0
WALL = 8.0
"""How much longer than its CPU time a request may take by the clock: a machine may be busy."""


def seconds(size: int) -> float:
    """CPU seconds that a request of so many bytes may take."""
    return RENDER_SECONDS + SECONDS_A_BYTE * size
