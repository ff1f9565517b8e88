#!/usr/bin/env python3
"""Prove compiled bundles with a verl release's own code, on CPU: no Ray, no engine, no weights.

usage: prove.py BUNDLE... --verl 0.9.1 --wheel UNPACKED_WHEEL [--model DIR] [--scripts FILE] [--json OUT]

Run by the Python of an environment that has what verl needs (`tests/real/environment.py` makes it). The
release is imported once; each bundle is proven in a fork of its own, with the bundle as the working folder
and first on the import path. The code of the bundle is executed: launch.sh, tools, loop, reward.
Exit code: 0 every stage ok or skipped, 1 a stage failed, 2 wrong usage.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import argparse
import contextlib
import copy
import json
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # The harness is found through its own folder while it is imported, and only then: what the bundle imports
    # must not find anything of this repository.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from real.prove import configuration, episode, launch, rows, toolset, validation
from real.prove.proof import Proof, Setting, Stage, run_stage

if __name__ == "__main__":
    del sys.path[0]

# (name, stage, the stages that must not have failed), in the order in which they run.
STAGES: tuple[tuple[str, Stage, tuple[str, ...]], ...] = (
    ("launch", launch.launch, ()),
    ("compose", configuration.compose, ("launch",)),
    ("strict", configuration.strict, ()),
    ("files", configuration.files, ("compose",)),
    ("validate", validation.validate, ("compose",)),
    ("classes", validation.classes, ("validate",)),
    ("enums", validation.enums, ("validate",)),
    ("dataset", rows.dataset, ("classes",)),
    ("tools", toolset.tools, ("files", "classes")),
    ("parser", toolset.parser, ("classes", "tools")),
    ("loop", toolset.loop, ("files", "dataset", "tools")),
    ("drive", episode.drive, ("parser", "loop")),
    ("reward", episode.reward, ("drive",)),
)


def prove(setting: Setting) -> dict[str, Any]:
    """The report of one bundle. Changes this process: working folder, import path, verl's registries."""
    sys.path.insert(0, str(setting.bundle))
    os.chdir(setting.bundle)
    os.environ["PYTHONPATH"] = f"{setting.bundle}:{os.environ.get('PYTHONPATH', '')}"
    os.environ["TOOLSPEC_RUN_DIR"] = str(setting.run_dir)
    proof = Proof(setting)
    for name, stage, needs in STAGES:
        run_stage(proof, name, stage, needs)
        if name == setting.until or (setting.to_failure and proof.outcomes[name].status == "FAIL"):
            break
    return proof.document()


def import_release(release: str, wheel: Path, model_dir: Path | None) -> None:
    """Import the release and what the stages need of it from the unpacked wheel, and nothing else."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    sys.path.insert(0, str(wheel))
    sys.dont_write_bytecode = True
    warnings.simplefilter("ignore")
    import torch
    import verl

    torch.set_num_threads(1)
    found = (Path(verl.__file__).parent / "version/version").read_text().strip()
    if found != release or not Path(verl.__file__).is_relative_to(wheel):
        sys.exit(f"prove: {wheel} gives verl {found} at {verl.__file__}, not {release}")
    import datasets
    import transformers
    import transformers.models.qwen2
    import verl.experimental.reward_loop
    import verl.trainer.main_ppo
    import verl.utils.dataset.rl_dataset
    import verl.workers.rollout.replica
    import verl.workers.rollout.utils

    # The name of a cache entry, made by pickling the tokenizer: ten seconds for a cache that is thrown away
    for module in (datasets.fingerprint, datasets.arrow_dataset):
        module.update_fingerprint = lambda *_: datasets.fingerprint.generate_random_fingerprint()
    _parse_once(wheel / "verl/trainer/config")
    if model_dir is not None:
        read = transformers.AutoTokenizer.from_pretrained
        transformers.AutoTokenizer.from_pretrained = _read_once(read, str(model_dir))


def _parse_once(configs: Path) -> None:
    """The release's config files are parsed here, not in every fork: PyYAML takes half a second for them."""
    import omegaconf.omegaconf
    from omegaconf import _utils

    reader: Any = omegaconf.omegaconf
    plain = reader.yaml
    known: dict[str, Any] = {}

    class Parsed:
        @staticmethod
        def load(stream: Any, Loader: Any) -> Any:
            text = stream.read() if hasattr(stream, "read") else stream
            return copy.deepcopy(known[text]) if text in known else plain.load(text, Loader)

        def __getattr__(self, name: str) -> Any:
            return getattr(plain, name)

    reader.yaml = Parsed()
    for file in configs.rglob("*.yaml"):
        if not file.name.startswith("_generated"):
            text = file.read_text(encoding="utf-8")
            known[text] = plain.load(text, _utils.get_yaml_loader())


def _read_once(read: Callable[..., Any], folder: str) -> Callable[..., Any]:
    """`read`, with the tokenizer of one folder read now: it takes seconds, five times a bundle."""
    known = read(folder)

    def from_pretrained(path: Any, *arguments: Any, **options: Any) -> Any:
        return copy.copy(known) if str(path) == folder else read(path, *arguments, **options)

    return from_pretrained


def prove_apart(setting: Setting, seconds: int) -> dict[str, Any]:
    """`prove` in a fork, ended after `seconds`; one that dies gives a report with a failed stage `prove`."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.alarm(seconds)
        _prove_in_fork(setting, writer)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    _, status = os.waitpid(child, 0)
    if text:
        found: dict[str, Any] = json.loads(text)
        return found
    message = f"ended with status {status} (limit {seconds} s)"
    outcome = {"prove": {"status": "FAIL", "message": message}}
    report = Proof(setting).document()
    return report | {"stages": outcome}


def _prove_in_fork(setting: Setting, writer: int) -> None:
    code = 0
    try:
        with Path(setting.run_dir / "output.txt").open("w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            report = prove(setting)
        with os.fdopen(writer, "w") as stream:
            json.dump(report, stream, default=str)
    except BaseException:
        code = 1
        traceback.print_exc()
    os._exit(code)


def shown(report: dict[str, Any]) -> str:
    """The report as text, a line a stage."""
    lines = [f"{report['bundle']}  verl {report['verl']}"]
    for name, outcome in report["stages"].items():
        lines.append(f"  {name:9s}{outcome['status']:8s} {outcome['message'][:400]}")
    lines += [f"  note: {note}" for note in report["notes"]]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE", type=Path)
    parser.add_argument("--verl", required=True, metavar="RELEASE")
    parser.add_argument(
        "--wheel", required=True, type=Path, help="folder of the unpacked wheel (holds verl/)"
    )
    parser.add_argument("--model", type=Path, help="local model folder that stands for a model of a hub")
    parser.add_argument(
        "--scripts", type=Path, help="JSON: a list of trajectories, or {bundle folder name: list}"
    )
    parser.add_argument("--json", type=Path, help="where to write the reports")
    parser.add_argument("--timeout", type=int, default=120, help="seconds for each bundle")
    parser.add_argument("--until", choices=[name for name, *_ in STAGES], default="", help="the last stage")
    parser.add_argument("--to-failure", action="store_true", help="no stage after one that failed")
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    absent = [str(path) for path in options.bundles if not (path / "config.yaml").is_file()]
    if absent:
        parser.error(f"no config.yaml in {', '.join(absent)}")
    scripts = json.loads(options.scripts.read_text(encoding="utf-8")) if options.scripts else None
    model = options.model.resolve() if options.model else None
    import_release(options.verl, options.wheel.resolve(), model)
    reports = []
    for path in options.bundles:
        bundle = path.resolve()
        script = scripts.get(bundle.name) if isinstance(scripts, dict) else scripts
        with tempfile.TemporaryDirectory(prefix="prove-") as run_dir:
            setting = Setting(
                bundle,
                options.verl,
                options.wheel.resolve(),
                Path(run_dir),
                model,
                script,
                options.until,
                options.to_failure,
            )
            reports.append(prove_apart(setting, options.timeout))
        if not options.quiet:
            print(shown(reports[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(reports, indent=1), encoding="utf-8")
    return int(any(stage["status"] == "FAIL" for report in reports for stage in report["stages"].values()))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
