"""`toolspec lint` as a whole process (a config, a script, a spec, a kept answer) against other linters and verl."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from linters import linters
from measure import ROOT, Command, Sample, alternated, environment, load, spread, toolspec
from peer import add_arguments, find
from table import Row, show

BARE = "python -c pass"
CFN_LINT = "from cfnlint.runner.cli import main; main()"
GOALS = {
    "lint config.yaml": "<= 0.12 s",
    "lint run.sh": "<= 0.12 s",
    "lint run.sh, kept": "<= 0.04 s",
    "lint exp.yaml": "<= one Hydra compose",
}


def inputs(folder: Path) -> None:
    """A sound verl config, script and spec; no data beside them, so that none are read."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]
    import yaml

    from rules import sound

    arguments = [one for one in sound.ARGUMENTS if not one.startswith(("data.train_files", "data.val_files"))]
    arguments += ["data.train_files=/data/train.parquet", "data.val_files=/data/val.parquet"]
    lines = " \\\n    ".join(arguments)
    (folder / "run.sh").write_text(
        f'set -x\npython3 -m verl.trainer.main_ppo \\\n    {lines} "$@"\n', "utf-8"
    )
    nested: dict[str, object] = {"defaults": ["ppo_trainer", "_self_"]}
    for argument in arguments:
        key, _, value = argument.partition("=")
        *above, name = key.split(".")
        section = nested
        for part in above:
            section = section.setdefault(part, {})  # type: ignore[assignment]
        section[name] = yaml.safe_load(value)
    (folder / "config.yaml").write_text(yaml.safe_dump(nested, sort_keys=False), "utf-8")
    (folder / "schema.json").write_text(json.dumps({"type": "object"}), "utf-8")
    (folder / "tools.yaml").write_text(sound.TOOLS, "utf-8")
    (folder / "tools.py").write_text(sound.TOOLS_PY, "utf-8")
    (folder / "reward.py").write_text(sound.REWARD_PY, "utf-8")
    (folder / "stack.yaml").write_text(STACK, "utf-8")


STACK = """\
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: a-bucket
"""


def rows(arguments: argparse.Namespace) -> list[Row]:
    """Goals: see GOALS; and at least 100 times less than `main_ppo --cfg job`."""
    spec = ROOT / "examples" / "seed-ppo" / "exp.yaml"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs(folder)
        others = str(linters())
        peer = find(arguments)
        kept = {**environment(), "XDG_CACHE_HOME": str(folder / "cache")}
        keeping = toolspec("lint run.sh, kept", "lint", str(folder / "run.sh"))
        ours = [
            toolspec("lint config.yaml", "lint", "--no-cache", str(folder / "config.yaml")),
            toolspec("lint run.sh", "lint", "--no-cache", str(folder / "run.sh")),
            Command(
                keeping.name,
                keeping.arguments,
                {**keeping.environment, **{"XDG_CACHE_HOME": kept["XDG_CACHE_HOME"]}},
            ),
            toolspec("lint exp.yaml", "lint", "--no-cache", str(spec)),
        ]
        config, schema = str(folder / "config.yaml"), str(folder / "schema.json")
        theirs = [
            Command(
                "check-jsonschema",
                [others, "-m", "check_jsonschema", "--schemafile", schema, config],
                environment(),
            ),
            Command("yamllint", [others, "-m", "yamllint", "-d", "relaxed", config], environment()),
            Command("cfn-lint", [others, "-c", CFN_LINT, str(folder / "stack.yaml")], environment()),
            peer.compose(),
        ]
        bare = Command(BARE, [sys.executable, "-c", "pass"], environment())
        samples = alternated([bare, *ours, *theirs], max(7, arguments.rounds))
        samples |= alternated([peer.main_ppo()], 3)
    return [_row(name, found, samples) for name, found in samples.items()]


def _row(name: str, found: list[Sample], samples: dict[str, list[Sample]]) -> Row:
    cpu, wall = ([getattr(sample, what) for sample in found] for what in ("cpu", "wall"))
    if name not in GOALS:
        return Row(name, spread(cpu), spread(wall))
    ratios = [
        f"{median(s.cpu for s in other) / median(cpu):.1f}x {peer}"
        for peer, other in samples.items()
        if peer not in GOALS and peer != BARE
    ]
    over = (median(cpu) - median(s.cpu for s in samples[BARE])) * 1000
    return Row(
        f"toolspec {name}",
        spread(cpu),
        spread(wall),
        f"+{over:.0f} ms over Python; less than " + ", ".join(ratios),
        GOALS[name],
        load(),
    )


if __name__ == "__main__":
    os.chdir(ROOT)
    show(rows, add_arguments, rounds=9)
