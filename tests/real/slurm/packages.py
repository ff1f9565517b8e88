"""Slurm's daemons on this machine: what is missing, and Debian's packages of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from real.environment import say

COMMANDS = {  # and the package of each
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "slurmdbd": "slurmdbd",
    "sbatch": "slurm-client",
    "sacct": "slurm-client",
    "munged": "munge",
    "mariadbd": "mariadb-server",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "shellcheck": "shellcheck",
}
PACKAGES = sorted({*COMMANDS.values(), "slurm-wlm-basic-plugins", "procps"})
POLICY = Path("/usr/sbin/policy-rc.d")
SBIN = ("/usr/sbin", "/sbin")


def missing() -> list[str]:
    """Commands of the lab that this machine does not have."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SBIN])
    return [each for each in COMMANDS if shutil.which(each, path=path) is None]


def why_not_here() -> str:
    """Why the lab cannot be had on this machine; "" when it can. Installs the packages where that was asked for."""
    if os.getuid() != 0:
        return "the Slurm lab needs root"
    if missing() and asked():
        error = install()
        if error:
            return error
    lacking = missing()
    if lacking:
        return f"the Slurm lab needs {', '.join(lacking)} (TOOLSPEC_LAB=1 installs Debian's packages)"
    return ""


def asked() -> bool:
    """Whether this machine may be changed: CI=true, or TOOLSPEC_LAB=1."""
    return os.environ.get("CI") == "true" or os.environ.get("TOOLSPEC_LAB") == "1"


def install() -> str:
    """Install Debian's packages, without a daemon being started; what went wrong, "" if nothing."""
    if shutil.which("apt-get") is None:
        return "the Slurm lab needs Debian's packages, and there is no apt-get"
    say("installing Slurm's packages for the lab (a minute, once)")
    own_policy = not POLICY.exists()
    try:
        if own_policy:
            POLICY.write_text("#!/bin/sh\nexit 101\n")  # invoke-rc.d: starting is forbidden by policy
            POLICY.chmod(0o755)
        quiet = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
        for words in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
            answer = subprocess.run(
                [*quiet, *words],
                capture_output=True,
                text=True,
                timeout=900,
                check=False,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            )
            if answer.returncode:
                return f"apt-get {words[0]}: {answer.stderr.strip()[-300:]}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"Slurm's packages cannot be installed: {error}"
    finally:
        if own_policy:
            POLICY.unlink(missing_ok=True)
    return ""
