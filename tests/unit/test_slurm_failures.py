"""Words of Slurm's commands where they fail, as the lab's 22.05 says them."""

from __future__ import annotations

import pytest

from toolspec.backends.launch.slurm.words import fix_of, telling

NO_MUNGE = """\
sinfo: error: If munged is up, restart with --num-threads=10
sinfo: error: Munge encode failed: Failed to access "/run/munge/socket": No such file or directory
sinfo: error: slurm_send_node_msg: auth_g_create: REQUEST_PARTITION_INFO has authentication error
slurm_load_partitions: Protocol authentication error
"""


def test_the_line_that_tells_is_munges() -> None:
    assert "Munge encode failed" in telling(NO_MUNGE)
    assert telling("sbatch: one\nsbatch: two\n\n") == "sbatch: two"
    assert telling("") == ""


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        (NO_MUNGE, "log in anew"),
        ("sbatch: error: Batch job submission failed: Invalid authentication credential", "log in anew"),
        ("Munge decode failed: Expired credential", "log in anew"),
        ("slurm_load_partitions: Zero Bytes were transmitted or received", "another cluster's munge key"),
        ("Requested node configuration is not available", "less of a node"),
        ("Could not establish a configuration source", "SLURM_CONF"),
        ("Unable to contact slurm controller (connect failure)", "try again"),
        ("Invalid partition name specified", ""),
    ],
)
def test_what_to_do(said: str, fix: str) -> None:
    assert (fix in fix_of(said)) if fix else fix_of(said) == ""
