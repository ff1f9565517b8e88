"""`python -m ray.scripts.scripts start …` of Ray on paper."""

import json
import os
import socket
import socketserver
import sys
import threading
import time

NODES: dict[object, object] = {}


class Connection(socketserver.StreamRequestHandler):
    """A node, which is there as long as its connection is, or one that asks."""

    def handle(self) -> None:
        try:
            for line in self.rfile:
                if line == b"nodes\n":
                    self.wfile.write(json.dumps(list(NODES.values())).encode() + b"\n")
                else:
                    NODES[self] = json.loads(line)
        finally:
            NODES.pop(self, None)


class Head(socketserver.ThreadingTCPServer):
    """Listens where the real one does."""

    allow_reuse_address = daemon_threads = True


def main(words: list[str]) -> None:
    """Stay until ended; a node, until its head is gone."""
    options = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
    faults = json.loads(os.environ.get("PAPER_RAY", "{}"))
    if "exit" in faults:
        sys.exit(f"ray of paper: told to end with {faults['exit']}")
    if faults.get("deaf") == int(os.environ.get("SLURM_PROCID", "0")):
        time.sleep(10**6)
    gpus = faults.get("gpus", int(options["num-gpus"]))
    own = {"Alive": True, "Resources": {"GPU": gpus}, "NodeManagerHostname": socket.gethostname()}
    if "head" in options:
        NODES[None] = own
        with Head((options["node-ip-address"], int(options["port"])), Connection) as head:
            threading.Thread(target=head.serve_forever, daemon=True).start()
            threading.Event().wait()
    host, _, port = options["address"].rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(json.dumps(own).encode() + b"\n")
        while connection.recv(1):
            pass
    sys.exit("ray of paper: the head is gone")


if __name__ == "__main__":
    main(sys.argv[1:])
