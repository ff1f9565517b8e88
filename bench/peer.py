"""The peer: verl 0.9.1's own configuration, composed by Hydra in an environment where real verl runs.

Found by `--python` and `--verl` (the folder that holds `verl/`), else in the cache of `tests/real`, which is
made on the first call (minutes).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from hydra_compose import OVERRIDES
from measure import ROOT, Command
from measure import environment as shell

COMPOSE = Path(__file__).resolve().parent / "hydra_compose.py"
RELEASE = "0.9.1"


@dataclass(frozen=True)
class Peer:
    python: str
    verl: str

    def environment(self) -> dict[str, str]:
        return {**shell(), "PYTHONPATH": self.verl, "HYDRA_FULL_ERROR": "1"}

    def compose(self, *arguments: str) -> Command:
        """Hydra alone: one process that composes verl's config with 35 overrides. verl is not imported."""
        config = f"{self.verl}/verl/trainer/config"
        return Command("hydra compose", [self.python, str(COMPOSE), config, *arguments], self.environment())

    def main_ppo(self) -> Command:
        """What a verl user runs to see the config: it imports torch, ray and verl."""
        call = [self.python, "-m", "verl.trainer.main_ppo", "--cfg", "job", *OVERRIDES]
        return Command("main_ppo --cfg job", call, self.environment())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--python", help="a Python with verl's dependencies (for variants: hydra-core is enough)"
    )
    parser.add_argument("--verl", help=f"the folder of the unpacked verl {RELEASE} wheel")


def find(arguments: argparse.Namespace) -> Peer:
    """The peer of the command line, else of the real-verl tests."""
    if arguments.python and arguments.verl:
        return Peer(arguments.python, str(Path(arguments.verl).resolve()))
    sys.path.insert(0, str(ROOT / "tests"))
    from real.environment import real_environment

    environment = real_environment()
    return Peer(str(environment.python), str(environment.wheel(RELEASE)))
