"""Where a node's Ray listens: ports of the job's own, and the address that the other nodes reach it by.

And the two ways in which a cluster does not come up.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

BLOCK = 120  # ports of a node: 8 of its services, 100 of its workers
FIRST_PORT, LAST_PORT = 20000, 32000  # below ip_local_port_range, whose ports the system gives away


class ClusterError(Exception):
    """The cluster did not come up, or is gone. kind: `ray` or `nodes`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Stopped(Exception):
    """A signal asked for the end while the cluster was waited for."""


def ports(seed: int, size: int = BLOCK) -> int:
    """The first of `size` ports in a row that are free here: another one for each job. Raises ClusterError."""
    blocks = (LAST_PORT - FIRST_PORT) // size
    for number in range(blocks):
        first = FIRST_PORT + (seed * 37 + number) % blocks * size
        if all(_free(port) for port in range(first, first + size)):
            return first
    raise ClusterError("ray", f"no {size} free ports in a row between {FIRST_PORT} and {LAST_PORT}")


def _free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("", port))
        except OSError:
            return False
    return True


def own_address(nodes: int, environment: Mapping[str, str]) -> str:
    """The IPv4 address that other nodes reach this one by: the first that this host's names stand for and that it has.

    TOOLSPEC_HEAD_IP decides where a host has several networks. Raises ClusterError.
    """
    told = environment.get("TOOLSPEC_HEAD_IP")
    names = (
        [told] if told else [environment.get("SLURMD_NODENAME", ""), socket.gethostname(), socket.getfqdn()]
    )
    found = [address for name in names if name for address in _addresses(name)] + _outward()
    for address in found:
        if nodes > 1 and address.startswith("127.") and not told:
            continue  # Debian's /etc/hosts has 127.0.1.1 for the host's own name
        with socket.socket() as one:
            try:
                one.bind((address, 0))
            except OSError:
                continue  # a stale entry of /etc/hosts: not this host's
            return address
    said = ", ".join(dict.fromkeys(found)) or "none"
    raise ClusterError(
        "ray", f"no address of this host that others reach (tried {said}); export TOOLSPEC_HEAD_IP"
    )


def _addresses(name: str) -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(name, None, socket.AF_INET)]
    except OSError:
        return []


def _outward() -> list[str]:
    """The address of the interface with the default route. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737
            return [str(one.getsockname()[0])]
        except OSError:
            return []


def towards(address: str) -> str:
    """This host's address on the way to `address` (IP:PORT): the right one of several networks."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect((address.rpartition(":")[0], 9))
        return str(one.getsockname()[0])
