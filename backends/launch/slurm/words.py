"""What Slurm's commands say where they fail, and what to do about it."""

from __future__ import annotations

import re

_FIXES = (
    (
        "xpired|redential|uthentication|[Mm]unge",
        "the credentials have run out, are another cluster's, or the clocks differ: log in anew (kinit), look at munge "
        "(munge -n | unmunge), and try again",
    ),
    (
        "[Zz]ero [Bb]ytes were transmitted",
        "slurmctld hangs up on credentials that it does not take: of another cluster's munge key, or from a clock that "
        "differs; ask who runs the cluster, or try again where it is only busy",
    ),
    (
        "node configuration is not available",
        "less of a node, cluster.slurm.cpus and memory: it may keep a part for itself (CoreSpecCount, MemSpecLimit)",
    ),
    (
        "establish a configuration source",
        "no slurm.conf is found here (SLURM_CONF, /etc/slurm): submit from a login node of the cluster, or run it "
        "here: --local",
    ),
    ("nable to contact slurm controller", "try again, or ask who runs the cluster"),
)
_OF_MUNGE = re.compile(r"Munge (?:en|de)code failed")


def fix_of(said: str) -> str:
    """What to do about the words of a command that failed; "" where they are not known."""
    return next((fix for words, fix in _FIXES if re.search(words, said)), "")


def telling(errors: str) -> str:
    """The line that says why: munge's where it failed, behind which Slurm tells that alone; else the last."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    of_munge = [line for line in lines if _OF_MUNGE.search(line)]
    return (of_munge or lines or [""])[-1]
