"""What a lab left on this machine, seen from outside: it must be nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

from real.slurm.spaces import command


def traces(folder: Path, network: str) -> list[str]:
    """Processes, mounts, addresses, cgroups and files that have to do with the lab of a folder."""
    name = folder.name
    left = [f"file {each}" for each in folder.parent.glob(f"{name}*")]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                said = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                if name.encode() in said:
                    left.append(f"process {entry.name} {command(entry)}")
            except OSError:
                continue
    left += [f"mount {line}" for line in Path("/proc/mounts").read_text().splitlines() if name in line]
    addresses = subprocess.run(
        ["ip", "-4", "-o", "addr"], capture_output=True, text=True, check=True, timeout=10
    )
    left += [f"address {line}" for line in addresses.stdout.splitlines() if f" {network}." in line]
    memory = Path("/sys/fs/cgroup/memory")
    left += [f"cgroup {each}" for each in memory.rglob(f"{name}*")] if memory.is_dir() else []
    hosts = Path("/etc/hosts").read_text()
    return left + [f"/etc/hosts: {line}" for line in hosts.splitlines() if line.startswith(f"{network}.")]
