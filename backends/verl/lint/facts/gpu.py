"""The GPU that a run is given: a spec's `cluster.gpu`, or what a script asks Slurm for."""

from __future__ import annotations

import re
from functools import cache

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.shell.text import known
from toolspec.compiler.facts.catalogue import GpuFacts, find_gpu, gpu_names

# `--gres=gpu:h100:8`, `--gpus-per-node=a100:8`, `-G h100:4`; a constraint names features, one of which may be a GPU.
_ASKED = re.compile(
    r"(?:--gres[= ](?:\S*,)?gpu:|--gpus(?:-per-(?:node|task|socket))?[= ]|-G ?)([A-Za-z][\w.-]*)"
)
_FEATURES = re.compile(r"(?:--constraint[= ]|-C ?)[\"']?([\w.|&,\[\]()-]+)")
_STARTS = frozenset({"srun", "sbatch", "salloc"})


def read_gpu(view: View) -> GpuFacts:
    """Raises NotKnownError where nothing says which GPU it is, or two places say two."""
    spec = view.run.spec
    if spec is not None:
        if spec.facts.gpu is None:
            raise NotKnownError("the GPU (cluster.gpu)")
        gpu: GpuFacts = spec.facts.gpu
        return gpu
    found = {gpu.name: gpu for gpu in map(_named, _names(view)) if gpu is not None}
    if len(found) != 1:
        raise NotKnownError("the GPU (#SBATCH --gres=gpu:h100:8)")
    return next(iter(found.values()))


@cache
def largest_memory_gib() -> float:
    """Memory of the GPU of the catalogue that has the most: what fits into none of them fits nowhere."""
    return max(gpu.memory_gib for gpu in map(find_gpu, gpu_names()) if gpu is not None)


def _named(name: str) -> GpuFacts | None:
    """The GPU of a name; for one that several boards share (`a100`), that with the most memory."""
    found = find_gpu(name)
    if found is not None:
        return found
    boards = [gpu for gpu in map(find_gpu, gpu_names()) if gpu and gpu.name.startswith(f"{name.lower()}-")]
    return max(boards, key=lambda gpu: gpu.memory_gib, default=None)


def _names(view: View) -> list[str]:
    launch = view.run.launch
    if launch is None:
        return []
    script = launch.script
    texts = [text for text in script.comments.values() if re.match(r"#?\s*SBATCH\b", text)]
    for command in script.commands:
        words = [known(word.text) for word in command.words]
        if words and words[0] in _STARTS:
            texts.append(" ".join(word for word in words if word))
    names = [name for text in texts for name in _ASKED.findall(text)]
    for text in texts:
        for features in _FEATURES.findall(text):
            names += re.split(r"[|&,\[\]()]", features)
    return [name for name in names if name]
