"""1,000 different specs linted by one process, and 1,000 verl configs, against check-jsonschema over as many files."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

from lint_process import inputs
from linters import linters
from measure import ROOT, Command, alternated, environment, load, spread, toolspec
from table import Row, show

FILES = 1000


def rows(arguments: argparse.Namespace) -> list[Row]:
    """Goal: at most check-jsonschema's cost a file, 2 ms hoped for."""
    seed = (ROOT / "examples" / "seed-ppo" / "exp.yaml").read_text("utf-8")
    tools = (ROOT / "examples" / "seed-ppo" / "tools.py").read_text("utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs(folder)
        config = (folder / "config.yaml").read_text("utf-8")
        for kind in ("specs", "configs"):
            (folder / kind).mkdir()
        (folder / "specs" / "tools.py").write_text(tools, "utf-8")
        for number in range(FILES):
            spec = seed.replace("name: seed-ppo", f"name: seed-{number}")
            (folder / "specs" / f"{number}.yaml").write_text(spec, "utf-8")
            text = config.replace("lr: 1.0e-06", f"lr: {number + 1}.0e-09")
            (folder / "configs" / f"{number}.yaml").write_text(text, "utf-8")
        schema = str(folder / "schema.json")
        files = sorted(map(str, (folder / "configs").glob("*.yaml")))
        peer = [str(linters()), "-m", "check_jsonschema", "--schemafile", schema, *files]
        commands = [
            toolspec("lint, specs", "lint", "--no-cache", "--exit-zero", str(folder / "specs")),
            toolspec("lint, configs", "lint", "--no-cache", "--exit-zero", str(folder / "configs")),
            Command("check-jsonschema", peer, environment()),
        ]
        samples = alternated(commands, max(2, arguments.rounds // 5))
    theirs = median(sample.cpu for sample in samples["check-jsonschema"])
    found = []
    for name, measured in samples.items():
        cpu, wall = (
            [getattr(sample, what) * 1000 / FILES for sample in measured] for what in ("cpu", "wall")
        )
        ratio = median(sample.cpu for sample in measured) / theirs
        goal = "<= 1.00; 2 ms" if name.startswith("lint") else ""
        found.append(Row(f"{name}, ms a file", spread(cpu), spread(wall), f"{ratio:.2f}x", goal, load()))
    return found


if __name__ == "__main__":
    show(rows, lambda _: None, rounds=10)
