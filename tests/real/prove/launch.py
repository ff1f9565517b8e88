"""Stage `launch`: the bundle's launch.sh is run, with a `python3` that writes down how it was called.

What it was given (folder, environment, arguments) is what the later stages use.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from real.prove.proof import Failed, Proof, Skipped

ENTRY = ["-m", "verl.trainer.main_ppo"]
LIMIT_SECONDS = 60
RECORDER = """#!{python} -I
import json, os, sys
if sys.argv[1:2] == ["-c"]:  # a look-up of the script's own, for example of a model's snapshot
    print("/nonexistent")
elif sys.argv[1:2] and sys.argv[1].endswith("/ts_job.py"):  # which runs what follows it
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
else:
    with open({target!r}, "w") as stream:
        json.dump({{"argv": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}}, stream)
"""


def launch(proof: Proof) -> str:
    """launch.sh runs main_ppo through ts_job.py in the bundle, first on the import path; its start modules import."""
    folder = proof.setting.bundle
    script = folder / "launch.sh"
    if not script.exists():
        raise Skipped("no launch.sh")
    call = _recorded_call(proof, script)
    environment, argv = call["environment"], call["argv"]
    if argv[:2] != ENTRY:
        raise Failed(f"launch.sh runs python3 {' '.join(argv[:2])}, not {' '.join(ENTRY)}")
    if Path(call["folder"]) != folder:
        raise Failed(f"launch.sh starts it in {call['folder']}, not in the bundle")
    if environment.get("PYTHONPATH", "").split(":")[0] != str(folder):
        raise Failed(f"PYTHONPATH is {environment.get('PYTHONPATH')}: the bundle is not first")
    kept = os.environ["PATH"]
    os.environ |= environment | {"PATH": kept}
    proof.arguments = argv[2:]
    modules = [name for name in environment.get("VERL_USE_EXTERNAL_MODULES", "").split(",") if name]
    if (folder / "ts_start.py").exists() and "ts_start" not in modules:
        raise Failed("ts_start.py is in the bundle, but VERL_USE_EXTERNAL_MODULES does not name it")
    from verl.utils.import_utils import import_external_libs

    import_external_libs(modules)
    return f"external modules: {', '.join(modules) or 'none'}"


def _recorded_call(proof: Proof, script: Path) -> dict[str, Any]:
    tools = proof.setting.run_dir / "bin"
    tools.mkdir()
    target = proof.setting.run_dir / "call.json"
    for name in ("python3", "python"):
        (tools / name).write_text(RECORDER.format(python=sys.executable, target=str(target)))
        (tools / name).chmod(0o755)
    required = re.findall(
        r"\$\{(\w+):\?", script.read_text(encoding="utf-8")
    )  # secrets, an address of a cluster
    environment = {**dict.fromkeys(required, "given"), **os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    answer = subprocess.run(
        ["bash", str(script)],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    if not target.exists():
        raise Failed(f"launch.sh ended with {answer.returncode} before python3: {answer.stderr[-300:]}")
    call: dict[str, Any] = json.loads(target.read_text())
    return call
