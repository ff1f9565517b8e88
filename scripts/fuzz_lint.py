"""Mutated specs, verl configs and scripts through lint: never a fault, never long, never large.

    python scripts/fuzz_lint.py [--inputs 20000] [--seed 0] [--keep DIR]

Prints the slowest input and the memory at the end. Exit code 1 with the first inputs that failed, kept in DIR.
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from rules import sound  # noqa: E402
from toolspec.backends.verl.lint.lint import lint_file  # noqa: E402
from toolspec.backends.verl.written.files import Files  # noqa: E402

LONGEST_SECONDS = 2.0
MOST_MIB = 500
PIECES = [
    *(
        "'",
        '"',
        "`",
        "$(",
        ")",
        "${",
        "}",
        "[",
        "]",
        "{",
        ":",
        ": ",
        ",",
        "\\",
        "\n",
        "\t",
        "\r",
        "\0",
        "#",
        "&",
        "*",
        "!",
    ),
    *(
        "|",
        ">",
        "<<EOF\n",
        "\nEOF\n",
        "if ",
        "; then\n",
        "\nfi\n",
        "for x in a b; do\n",
        "\ndone\n",
        "case x in\n",
        "esac\n",
    ),
    *(
        "null",
        "~",
        "???",
        "true",
        "1e999",
        "-1",
        "0",
        "99999999999999999999",
        ".nan",
        "!!python/object:os.system ",
        "<<: *a",
    ),
    *(
        "${oc.env:HOME}",
        "${trainer.nnodes}",
        "${a",
        "$((",
        "$((1/0))",
        '"$@"',
        "${x[@]}",
        "é",
        "\u202e",
        "\ufeff",
        "😀",
    ),
    *(
        "+",
        "++",
        "~",
        "=",
        "-",
        "- ",
        "data.",
        "trainer.",
        "actor_rollout_ref.",
        "\\\n",
        " \\ \n",
        "&a ",
        "*a",
        "? ",
    ),
]


class TooLongError(Exception):
    """A lint took longer than LONGEST_SECONDS."""


def seeds() -> dict[str, list[str]]:
    """Sound inputs by suffix."""
    specs = [path.read_text("utf-8") for path in sorted((ROOT / "examples").glob("*/exp.yaml"))]
    joined = " \\\n    ".join(sound.ARGUMENTS)
    head = "#!/bin/bash\n#SBATCH --nodes=2\nset -x\nN=${N:-4}\nARGS=(a.b=1)\npython3 -m verl.trainer.main_ppo"
    script = f'{head} \\\n    {joined} "${{ARGS[@]}}" "$@"\n'
    nested: dict[str, Any] = {"defaults": ["ppo_trainer", "_self_"]}
    for argument in sound.ARGUMENTS:
        key, _, value = argument.partition("=")
        *above, name = key.split(".")
        section = nested
        for part in above:
            section = section.setdefault(part, {})
        section[name] = yaml.safe_load(value)
    config = yaml.safe_dump(nested, sort_keys=False)
    bundles = [
        path.read_text("utf-8") for path in sorted((ROOT / "tests/golden/bundles").glob("*/*/config.yaml"))
    ]
    return {".yaml": [*specs, *bundles, config, sound.TOOLS], ".sh": [script]}


def mutated(text: str, rng: random.Random) -> str:
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(text) + 1)
        kind = rng.random()
        if kind < 0.35:
            text = text[:at] + rng.choice(PIECES) + text[at:]
        elif kind < 0.5:
            text = text[:at] + text[at + rng.choice((1, 2, 5, 40)) :]
        elif kind < 0.6:
            lines = text.split("\n")
            line = rng.randrange(len(lines))
            lines.insert(rng.randrange(len(lines) + 1), lines[line])
            text = "\n".join(lines)
        elif kind < 0.7:
            lines = text.split("\n")
            del lines[rng.randrange(len(lines))]
            text = "\n".join(lines)
        elif kind < 0.8:
            text = text[:at] + chr(rng.choice((0, 9, 13, 127, 255, 0x2028, 0xFFFE, 0x1F600))) + text[at + 1 :]
        elif kind < 0.9:
            words = text.split(" ")
            words[rng.randrange(len(words))] = rng.choice(PIECES)
            text = " ".join(words)
        else:
            text = text[:at] + rng.choice(PIECES) * rng.choice((10, 200, 3000)) + text[at:]
    return text


def inputs(number: int, seed: int) -> Iterator[tuple[str, bytes]]:
    rng = random.Random(seed)
    known = seeds()
    suffixes = sorted(known)
    for _ in range(number):
        suffix = rng.choice(suffixes)
        data = mutated(rng.choice(known[suffix]), rng).encode("utf-8", "surrogatepass")
        if rng.random() < 0.03:
            at = rng.randrange(len(data) + 1)
            data = data[:at] + bytes(rng.randrange(256) for _ in range(4)) + data[at:]
        yield suffix, data


def _stop(number: int, frame: FrameType | None) -> None:
    raise TooLongError


def run(number: int, seed: int, keep: Path) -> int:
    """The number of inputs that failed; each is kept under `keep` with what went wrong."""
    signal.signal(signal.SIGALRM, _stop)
    failed = 0
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound.write_base(folder)
        for count, (suffix, data) in enumerate(inputs(number, seed)):
            file = folder / f"input{suffix}"
            file.write_bytes(data)
            begin = time.process_time()
            signal.setitimer(signal.ITIMER_REAL, 10 * LONGEST_SECONDS)
            fault = ""
            try:
                lint_file(file, None, Files())
            except TooLongError:
                fault = "too long"
            except Exception:
                fault = traceback.format_exc()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            took = time.process_time() - begin
            slowest = max(slowest, took)
            if took > LONGEST_SECONDS:
                fault = fault or f"{took:.1f} s"
            if fault:
                failed += 1
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{seed}-{count}{suffix}").write_bytes(data)
                print(f"{seed}-{count}{suffix}: {fault.strip().splitlines()[-1]}", file=sys.stderr)
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{number} inputs, {failed} failed, slowest {slowest:.2f} s, at most {mib} MiB")
    return failed + (mib > MOST_MIB)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"))
    asked = parser.parse_args()
    return 1 if run(asked.inputs, asked.seed, asked.keep) else 0


if __name__ == "__main__":
    sys.exit(main())
