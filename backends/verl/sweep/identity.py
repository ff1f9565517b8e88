"""What a point of a sweep is but for its name: two with the same are one run."""

from __future__ import annotations

import hashlib
import json

from toolspec.backends.verl.compile import Compiled
from toolspec.backends.verl.emit.bundle import Bundle
from toolspec.backends.verl.emit.side_files import launch_sh

WITH_THE_NAME = frozenset(
    {"config.yaml", "launch.sh", "plan.json", "manifest.json", "job.sbatch", "ts_job.json"}
)
"""Files that hold the point's name, a value's place in the spec, or the job's limits: what counts is taken by value."""


def identity(compiled: Compiled, bundle: Bundle, name: str, suffix: str) -> str:
    """A hash of configuration, launcher, rows, reward, tools and code of a bundle.

    name, suffix: of the point, left out wherever they stand. The job's limits and its partition are no part of it.
    """
    data = compiled.facts.data
    plan = compiled.plan
    said = {
        "config": dict(compiled.config.values),
        "launch": launch_sh(plan, compiled.config, ""),
        # Converted rows are named by a hash in the configuration, which is there only where the files are.
        "rows": [
            repr((data.train, data.val, data.system)),
            {p: plan[p] for p in plan if p.startswith("data.")},
        ],
        "files": {
            path: hashlib.sha256(content).hexdigest()
            for path, content in sorted(bundle.files.items())
            if path not in WITH_THE_NAME and not path.startswith("spec/")
        },
        "verl": plan.target,
    }
    text = json.dumps(said, sort_keys=True, default=str).replace(name, "").replace(suffix, "")
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
