"""Nothing of a user's folder is run, and nothing in it holds a command up: a canary that no command may wake.

Specs and configs arrive by pull request. Each hazard is laid into a folder with a spec, a verl config and a script,
and every command that reads them is called as a process of its own, in that folder, with a time limit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rules import sound
from toolspec.lsp.diagnostics import findings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECONDS = 30
"""Everything here takes under 3 on an idle machine; what hangs takes for ever."""
SPEC = """\
toolspec: 1
name: canary
model: ./model
data: {train: train.jsonl, val: val.jsonl, columns: {prompt: question, answer: answer}}
tools: {calculator: {python: tools.py:calculator}}
reward: {python: reward.py:compute_score}
algorithm: grpo
cluster: {gpus: 1}
target: verl==0.9.1
"""
TOOLS_PY = '''\
def calculator(expression: str) -> str:
    """Evaluate.

    Args:
        expression: What.
    """
    return "4"
'''
CONFIG = """\
defaults: [ppo_trainer, _self_]
data: {train_files: train.parquet, val_files: val.parquet}
actor_rollout_ref:
  model: {path: model}
  rollout:
    name: sglang
    multi_turn: {enable: true, tool_config_path: tools.yaml, function_tool_path: tools.py}
reward: {custom_reward_function: {path: reward.py}}
"""
SCRIPT = """\
#!/bin/bash
python3 -m verl.trainer.main_ppo data.train_files=train.parquet data.val_files=val.parquet \\
    actor_rollout_ref.model.path=model reward.custom_reward_function.path=reward.py \\
    actor_rollout_ref.rollout.multi_turn.tool_config_path=tools.yaml
"""
COMMANDS: dict[str, tuple[str, ...]] = {
    "lint spec": ("lint", "exp.yaml"),
    "lint config": ("lint", "verl.yaml"),
    "lint script": ("lint", "run.sh"),
    "lint folder": ("lint", ".", "--format", "json", "--no-cache"),
    "compile --check": ("compile", "exp.yaml", "--check"),
    "compile": ("compile", "exp.yaml", "--out", "../bundle"),
    "migrate": ("migrate", "exp.yaml", "--to", "0.8.0"),
    "doctor": ("doctor", "--spec", "exp.yaml"),
}
READS_ROWS = frozenset({"compile --check", "compile", "migrate"})


def write_folder(folder: Path) -> None:
    """A spec, a verl config and a script, each sound but for what a hazard changes."""
    sound.write_base(folder)
    rows = [{"question": f"{n} + 2", "answer": str(n + 2)} for n in range(160)]
    for name in ("train.jsonl", "val.jsonl"):
        (folder / name).write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    for name, text in (
        ("exp.yaml", SPEC),
        ("tools.py", TOOLS_PY),
        ("verl.yaml", CONFIG),
        ("run.sh", SCRIPT),
    ):
        (folder / name).write_text(text, "utf-8")


def wakes(canary: Path) -> str:
    return f"__import__('pathlib').Path({str(canary)!r}).write_text('woken')"


def python_runs(folder: Path, canary: Path) -> None:
    """At import, in decorators, defaults, annotations, class bodies and metaclasses."""
    code = wakes(canary)
    head = f"{code}\nclass Meta(type):\n    def __new__(*a, **k): {code}\n"
    tool = TOOLS_PY.replace("expression: str)", f"expression: str = {code}, other: {code} = 1)")
    (folder / "tools.py").write_text(f"{head}@(lambda f: ({code}, f)[1])\n{tool}", "utf-8")
    (folder / "reward.py").write_text(
        f"{head}class R(metaclass=Meta):\n    {code}\n{sound.REWARD_PY}", "utf-8"
    )


def modules_that_shadow(folder: Path, canary: Path) -> None:
    """What toolspec imports, beside the spec. Not toolspec.py: `python -m toolspec` runs one that lies there."""
    for name in (
        "yaml",
        "click",
        "json",
        "pydantic",
        "pyarrow",
        "sitecustomize",
        "usercustomize",
        "verl",
    ):
        (folder / f"{name}.py").write_text(wakes(canary) + "\n", "utf-8")


def templates(folder: Path, canary: Path) -> None:
    """A chat template that reaches for the interpreter, and one that never ends."""
    text = (
        "{{ cycler.__init__.__globals__.os.system('touch " + str(canary) + "') }}"
        "{{ ''.__class__.__mro__[1].__subclasses__() }}{% for i in range(999999999) %}{{ i }}{% endfor %}"
    )
    (folder / "model/chat_template.jinja").write_text(text, "utf-8")
    spec = SPEC.replace("model: ./model", "model: {path: ./model, chat_template: model/chat_template.jinja}")
    (folder / "exp.yaml").write_text(spec, "utf-8")


def yaml_tags(folder: Path, canary: Path) -> None:
    tag = f'!!python/object/apply:os.system ["touch {canary}"]'
    (folder / "exp.yaml").write_text(SPEC + f"env: {tag}\n", "utf-8")
    (folder / "verl.yaml").write_text(CONFIG + f"trainer: {tag}\n", "utf-8")
    (folder / "tools.yaml").write_text(f"tools: {tag}\n", "utf-8")


def interpolations(folder: Path, canary: Path) -> None:
    """Resolvers are names in a text: of OmegaConf, of the environment, and invented ones."""
    text = f"${{eval:'{wakes(canary)}'}}${{oc.decode:${{oc.env:X}}}}${{shell:touch {canary}}}"
    (folder / "verl.yaml").write_text(CONFIG + f"trainer: {{project_name: {json.dumps(text)}}}\n", "utf-8")
    (folder / "exp.yaml").write_text(
        SPEC + f"overrides: {{trainer.project_name: {json.dumps(text)}}}\n", "utf-8"
    )


def shell_runs(folder: Path, canary: Path) -> None:
    """Substitutions, backticks, arithmetic with a subscript, traps, heredocs and sourced files."""
    touch = f"touch {canary}"
    lines = [
        f"A=$({touch})",
        f"B=`{touch}`",
        f"C=<({touch})",
        f"D=${{E:=$({touch})}}",
        f"F=$((a[$({touch})]))",
        f"trap '{touch}' EXIT",
        f'eval "{touch}"',
        f"cat <<EOF\n$({touch})\nEOF",
        "source ./more.sh",
        f"for x in $({touch}); do :; done",
        f"[[ $({touch}) ]] && {touch}",
        touch,
    ]
    (folder / "more.sh").write_text(touch + "\n", "utf-8")
    tail = " \\\n    trainer.project_name=$(" + touch + ") trainer.experiment_name=`" + touch + '` "${A@P}"'
    (folder / "run.sh").write_text("\n".join(["#!/bin/bash", *lines]) + SCRIPT[11:].rstrip() + tail, "utf-8")


def spec_runs(folder: Path, canary: Path) -> None:
    """Shell in every text of a spec that reaches launch.sh or a Slurm job."""
    touch = f"$(touch {canary})`touch {canary}`'; touch {canary}; '"
    quoted = json.dumps(touch)
    extra = f"env: {{VALUE: {quoted}}}\ntracking: {{project: {quoted}}}\n"
    extra += f"checkpoint: {{dir: {quoted}}}\n"
    slurm = f"cluster: {{gpus: 1, slurm: {{partition: {quoted}, setup: [{quoted}]}}}}"
    (folder / "exp.yaml").write_text(SPEC.replace("cluster: {gpus: 1}", slurm) + extra, "utf-8")


def replaced(folder: Path, make: Callable[[Path], None]) -> None:
    """Every file that a spec or a config names, made anew by `make`."""
    for name in (
        "tools.py",
        "reward.py",
        "tools.yaml",
        "train.jsonl",
        "val.jsonl",
        "train.parquet",
        "val.parquet",
    ):
        (folder / name).unlink()
        make(folder / name)
    for name in ("config.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        (folder / "model" / name).unlink(missing_ok=True)
        make(folder / "model" / name)
    make(folder / "requirements.txt")
    make(folder / "pip-freeze.txt")


def pipes(folder: Path, canary: Path) -> None:
    replaced(folder, os.mkfifo)


def devices(folder: Path, canary: Path) -> None:
    replaced(folder, lambda path: path.symlink_to("/dev/zero"))


def standard_input(folder: Path, canary: Path) -> None:
    replaced(folder, lambda path: path.symlink_to("/dev/stdin"))


def loops(folder: Path, canary: Path) -> None:
    replaced(folder, lambda path: path.symlink_to(path.name))


def links_out(folder: Path, canary: Path) -> None:
    replaced(folder, lambda path: path.symlink_to("/proc/self/environ"))


def folders(folder: Path, canary: Path) -> None:
    replaced(folder, Path.mkdir)


def enormous(folder: Path, canary: Path) -> None:
    """16 GiB each, without a block on the disk. (Of rows a compile reads all, for their hash: READS_ROWS.)"""

    def make(path: Path) -> None:
        with path.open("wb") as stream:
            stream.truncate(16 << 30)

    replaced(folder, make)
    make(folder / "more.yaml")


def deep(folder: Path, canary: Path) -> None:
    """Nested deeper than any parser's stack."""
    brackets = "[" * 100_000

    def make(path: Path) -> None:
        path.write_text(brackets, "utf-8")

    replaced(folder, make)
    (folder / "more.yaml").write_text("toolspec: 1\nname: " + brackets, "utf-8")
    (folder / "more.sh").write_text(
        "python3 -m verl.trainer.main_ppo a=" + "$(" * 20_000 + "\n" + "if a; then " * 5_000, "utf-8"
    )


def bombs(folder: Path, canary: Path) -> None:
    """Aliases of aliases."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    text = "\n".join(lines) + "\n"
    (folder / "exp.yaml").write_text(SPEC + text, "utf-8")
    (folder / "verl.yaml").write_text(CONFIG + text, "utf-8")
    (folder / "tools.yaml").write_text("tools: []\n" + text, "utf-8")


def inputs_themselves(folder: Path, canary: Path) -> None:
    """What is linted is a pipe, a device, and a loop."""
    for name, make in (
        ("exp.yaml", os.mkfifo),
        ("verl.yaml", lambda path: path.symlink_to("/dev/zero")),
        ("run.sh", lambda path: path.symlink_to("/dev/stdin")),
    ):
        (folder / name).unlink()
        make(folder / name)
    (folder / "loop").symlink_to(".")


HAZARDS: tuple[Callable[[Path, Path], None], ...] = (
    *(python_runs, modules_that_shadow, templates, yaml_tags, interpolations, shell_runs, spec_runs),
    *(pipes, devices, standard_input, loops, links_out, folders, enormous, deep, bombs, inputs_themselves),
)


def test_the_folder_is_sound(tmp_path: Path) -> None:
    """What the hazards change is read to its end: without them the commands succeed."""
    folder = tmp_path / "work"
    folder.mkdir()
    write_folder(folder)
    for name in ("compile --check", "lint spec"):
        answer = called(folder, COMMANDS[name])
        assert answer.returncode == 0, answer.stdout + answer.stderr


def called(folder: Path, words: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "XDG_CACHE_HOME": str(folder.parent / "cache"),
    }
    reader, writer = os.pipe()  # a standard input that never ends, for whoever reads it
    try:
        return subprocess.run(
            [sys.executable, "-m", "toolspec", *words],
            cwd=folder,
            env=environment,
            stdin=reader,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: str(getattr(hazard, "__name__", hazard)))
def test_nothing_is_run_and_nothing_hangs(hazard: Callable[[Path, Path], None], tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    canary = tmp_path / "canary"
    write_folder(folder)
    hazard(folder, canary)
    for name, words in COMMANDS.items():
        if hazard is enormous and name in READS_ROWS:
            continue
        answer = called(folder, words)
        said = (answer.stdout + answer.stderr).decode("utf-8", "replace")
        assert answer.returncode in (0, 1, 2), f"{name}: {said[-2000:]}"
        assert "Traceback" not in said, f"{name}: {said[-2000:]}"
        assert "toolspec's own" not in said, f"{name}: {said[-2000:]}"
        assert not canary.exists(), name
    for name in ("exp.yaml", "verl.yaml", "run.sh"):
        place = folder / name
        text = place.read_text("utf-8") if place.is_file() and not place.is_symlink() else SPEC
        findings(place, text)
        findings(place, text[: len(text) // 2])
        assert not canary.exists(), f"language server, {name}"
