"""1,000 variants of the seed experiment compiled in one process against warm Hydra composes of verl's config.

A variant is a whole compile: the spec read, checked, resolved, lowered, every byte of its bundle made; not written.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from compile_process import SEED
from measure import ROOT, load, spread
from peer import Peer, add_arguments, find
from table import Row, show

VARIANTS, EARLY = 1000, 200
OURS = "--only-ours"


def rows(arguments: argparse.Namespace) -> list[Row]:
    """Goals: at least 25 times less per variant, and no memory gained after the first 200."""
    peer = find(arguments)
    count = max(15, arguments.rounds)
    early = _theirs(peer, count)
    ours, memory = _ours()
    cpu, wall = (list(column) for column in zip(*early, *_theirs(peer, count), strict=True))
    our_cpu, our_wall = (list(column) for column in zip(*ours, strict=True))
    ratio = median(cpu) / median(our_cpu)
    result = f"{ratio:.1f} times less CPU, {median(wall) / median(our_wall):.1f} times less wall"
    noise = f"{min(cpu) / max(our_cpu):.1f} (worst pair) to {max(cpu) / min(our_cpu):.1f}; {load()}"
    grown = f"{memory[1] - memory[0]:+.1f} MiB from {memory[0]:.1f}"
    return [
        Row(f"warm hydra compose, {len(cpu)} of them", spread(cpu), spread(wall), "1"),
        Row(f"{len(ours)} variants, each", spread(our_cpu), spread(our_wall), result, ">= 25", noise),
        Row(f"memory after {EARLY} and after {VARIANTS} variants", "", "", grown, "flat"),
    ]


def _theirs(peer: Peer, count: int) -> list[tuple[float, float]]:
    """(CPU, wall) seconds of each warm compose. The last line is about memory."""
    lines = _output(list(peer.compose("--warm", str(count)).arguments), peer.environment())
    return [(float(cpu), float(wall)) for wall, cpu in (line.split() for line in lines[:-1])]


def _ours() -> tuple[list[tuple[float, float]], tuple[float, float]]:
    lines = _output([sys.executable, __file__, OURS], None)
    *times, memory = [tuple(map(float, line.split())) for line in lines]
    return [(cpu, wall) for cpu, wall in times], (memory[0], memory[1])


def _output(command: list[str], environment: dict[str, str] | None) -> list[str]:
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return done.stdout.splitlines()


def compile_variants() -> None:
    """In a process of its own: the seconds of each variant, then MiB after EARLY and after all."""
    sys.path.insert(0, str(ROOT / "src"))
    from toolspec.backends.verl.compile import bundle_of, compile_spec

    digests, memory = set(), []
    for number in range(VARIANTS + 1):
        begin = time.process_time(), time.perf_counter()
        changed = f"algorithm.kl.coef={0.001 + 1e-6 * number:.6f}"
        bundle = bundle_of(compile_spec(SEED, (changed,)))
        cpu, wall = time.process_time() - begin[0], time.perf_counter() - begin[1]
        digests.add(bundle.digest)
        if number:  # the first one warms up, as Hydra's does
            print(cpu, wall)
        if number in (EARLY, VARIANTS):
            memory.append(_resident())
    assert len(digests) == VARIANTS + 1, "variants must differ"
    print(*memory)


def _resident() -> float:
    """Memory now, MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 2**20


if __name__ == "__main__":
    if sys.argv[1:] == [OURS]:
        compile_variants()
    else:
        show(rows, add_arguments, rounds=15)
