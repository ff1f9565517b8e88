"""Mutated specs, verl configs, scripts and argument lists through lint, and files beside them: never a fault, never
long, never large.

    python scripts/fuzz_lint.py [--inputs 20000] [--seed 0] [--keep DIR] [--longest 2]

Prints the slowest input and the memory at the end. Exit code 1 with the first inputs that failed, kept in DIR.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

os.environ["TOOLSPEC_DEBUG"] = "1"  # a fault of one rule is raised, and not told
ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from rules import sound  # noqa: E402
from toolspec.backends.verl.lint.lint import lint_arguments, lint_file  # noqa: E402
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


@dataclass(frozen=True)
class Input:
    """One mutated text. changed: the file that holds it, "" for an argument list. linted: the file that is linted."""

    changed: str
    linted: str
    data: bytes

    @property
    def arguments(self) -> tuple[str, ...]:
        return tuple(self.data.decode("utf-8", "surrogateescape").split("\n"))


CONFIG = "verl.yaml"
GROUPS = "grouped.yaml"


def config(defaults: list[Any]) -> str:
    """The sound run as a verl config."""
    nested: dict[str, Any] = {"defaults": defaults}
    for argument in sound.ARGUMENTS:
        key, _, value = argument.partition("=")
        *above, name = key.split(".")
        section = nested
        for part in above:
            section = section.setdefault(part, {})
        section[name] = yaml.safe_load(value)
    return yaml.safe_dump(nested, sort_keys=False)


def write_base(folder: Path) -> None:
    """The sound run, a config that reads it, and one that reads a Hydra file and an option of a group too."""
    sound.write_base(folder)
    (folder / CONFIG).write_text(config(["ppo_trainer", "_self_"]), "utf-8")
    grouped = config(["ppo_trainer", "more", {"algorithm": "mine"}, "_self_"])
    (folder / GROUPS).write_text(grouped, "utf-8")
    (folder / "more.yaml").write_text("defaults: [_self_]\ntrainer: {nnodes: 2}\ndata: {seed: 1}\n", "utf-8")
    (folder / "algorithm").mkdir()
    (folder / "algorithm/mine.yaml").write_text("# @package algorithm\ngamma: 0.9\nlam: 0.95\n", "utf-8")
    (folder / "requirements.txt").write_text("verl==0.9.1\ntransformers>=5.5.3,<5.11  # kept\n", "utf-8")
    row = '{"prompt": [{"role": "user", "content": "2 + 2"}], "data_source": "calculator"}\n'
    (folder / "rows.jsonl").write_text(row * 4, "utf-8")


# Files beside an input: what is changed → what is linted.
BESIDE = {
    "tools.yaml": CONFIG,
    "tools.py": CONFIG,
    "reward.py": CONFIG,
    "model/config.json": CONFIG,
    "model/tokenizer_config.json": CONFIG,
    "requirements.txt": CONFIG,
    "more.yaml": GROUPS,
    "algorithm/mine.yaml": GROUPS,
    GROUPS: GROUPS,
}


def seeds() -> list[tuple[str, str, list[str]]]:
    """(changed file, linted file, sound texts of it)."""
    specs = [path.read_text("utf-8") for path in sorted((ROOT / "examples").glob("*/exp.yaml"))]
    joined = " \\\n    ".join(sound.ARGUMENTS)
    head = "#!/bin/bash\n#SBATCH --nodes=2\nset -x\nN=${N:-4}\nARGS=(a.b=1)\npython3 -m verl.trainer.main_ppo"
    script = f'{head} \\\n    {joined} "${{ARGS[@]}}" "$@"\n'
    bundles = [
        path.read_text("utf-8") for path in sorted((ROOT / "tests/golden/bundles").glob("*/*/config.yaml"))
    ]
    texts = [*specs, *bundles, config(["ppo_trainer", "_self_"]), sound.TOOLS]
    with tempfile.TemporaryDirectory() as name:
        write_base(Path(name))
        beside = [(k, linted, [(Path(name) / k).read_text("utf-8")]) for k, linted in BESIDE.items()]
    arguments = "\n".join(
        [*sound.ARGUMENTS, "+a.b={c: [1, 'x']}", "~data.seed", "++trainer.x=${trainer.nnodes}"]
    )
    # The inputs themselves, and argument lists, as often as everything beside them.
    own = [("input.yaml", "input.yaml", texts), ("input.sh", "input.sh", [script]), ("", "", [arguments])]
    return own * 3 + beside


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


def inputs(number: int, seed: int) -> Iterator[Input]:
    rng = random.Random(seed)
    known = seeds()
    for _ in range(number):
        changed, linted, texts = rng.choice(known)
        data = mutated(rng.choice(texts), rng).encode("utf-8", "surrogatepass")
        if rng.random() < 0.03:
            at = rng.randrange(len(data) + 1)
            data = data[:at] + bytes(rng.randrange(256) for _ in range(4)) + data[at:]
        yield Input(changed, linted, data)


def _stop(number: int, frame: FrameType | None) -> None:
    raise TooLongError


def lint(one: Input, folder: Path) -> None:
    """Lint one input, and leave the folder as it was."""
    if not one.changed:
        lint_arguments(one.arguments, None, Files())
        return
    file = folder / one.changed
    before = file.read_bytes() if file.exists() else None
    file.write_bytes(one.data)
    try:
        lint_file(folder / one.linted, None, Files())
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)


def run(number: int, seed: int, keep: Path, longest: float = LONGEST_SECONDS) -> int:
    """The number of inputs that failed; each is kept under `keep` with what went wrong."""
    signal.signal(signal.SIGALRM, _stop)
    failed = 0
    slowest = 0.0
    keep, home = keep.absolute(), Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_base(folder)
        os.chdir(folder)  # an argument list is of the working folder
        for count, one in enumerate(inputs(number, seed)):
            begin = time.process_time()
            signal.setitimer(signal.ITIMER_REAL, 10 * longest)
            fault = ""
            try:
                lint(one, folder)
            except TooLongError:
                fault = "too long"
            except Exception:
                fault = traceback.format_exc()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            took = time.process_time() - begin
            slowest = max(slowest, took)
            if took > longest:
                fault = fault or f"{took:.1f} s"
            if fault:
                failed += 1
                keep.mkdir(parents=True, exist_ok=True)
                place = keep / f"{seed}-{count}-{one.changed.replace('/', '-') or 'arguments'}"
                place.write_bytes(one.data)
                print(f"{place.name}: {fault.strip().splitlines()[-1]}", file=sys.stderr)
        os.chdir(home)
    mib = peak_mib()
    print(f"{number} inputs, {failed} failed, slowest {slowest:.2f} s, at most {mib} MiB")
    return failed + (mib > MOST_MIB)


def peak_mib() -> int:
    """The most memory that this process held, in MiB.

    Linux carries ru_maxrss over exec: started by a large process (a pytest worker), it is that process's figure.
    VmHWM belongs to the program that runs (proc(5)).
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(a for a in status.read_text().splitlines() if a.startswith("VmHWM:"))
        return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"))
    parser.add_argument(
        "--longest", type=float, default=LONGEST_SECONDS, help="seconds that an input may take"
    )
    asked = parser.parse_args()
    return 1 if run(asked.inputs, asked.seed, asked.keep, asked.longest) else 0


if __name__ == "__main__":
    sys.exit(main())
