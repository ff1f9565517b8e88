"""The process that holds a lab up, and takes it down when the last who uses it is gone, however it went.

`python keeper.py FOLDER` reads FOLDER/layout.json and listens at FOLDER/keeper.sock: a connection is a reference, and
the kernel closes it when its owner dies. A line of JSON on it is a command (`COMMANDS`); the answer is one, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # a script of its own, also where tests/ is on nobody's path
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from real.slurm.daemons import Daemons
from real.slurm.layout import Layout, Ports


def read_layout(folder: Path) -> Layout:
    """The layout that the lab was started with."""
    written = json.loads((folder / "layout.json").read_text())
    ports = Ports(**written.pop("ports"))
    return Layout(**written, ports=ports._replace(slurmd=tuple(ports.slurmd)))


def write_layout(layout: Layout) -> None:
    """Write it where the keeper reads it."""
    text = json.dumps(layout._asdict() | {"ports": layout.ports._asdict()})
    (Path(layout.folder) / "layout.json").write_text(text)


class Keeper:
    """Serves one lab until nobody uses it, `down` is said, or a signal comes."""

    def __init__(self, folder: Path, listener: socket.socket) -> None:
        self.folder = folder
        self.daemons = Daemons(read_layout(folder))
        self.held = (folder / "held").exists()  # brought up by hand: stays until it is taken down by hand
        self.ended = False
        self.selector = selectors.DefaultSelector()
        self.listener = listener
        self.selector.register(listener, selectors.EVENT_READ)
        self.used: dict[socket.socket, bytes] = {}

    def serve(self) -> None:
        """Answer until the end."""
        nobody_since = time.monotonic()
        while not self.ended:
            for key, _ in self.selector.select(timeout=1):
                if key.fileobj is self.listener:
                    self._accept()
                else:
                    self._read(key.fileobj)  # type: ignore[arg-type]
            if self.used or self.held:
                nobody_since = time.monotonic()
            elif time.monotonic() - nobody_since > 2:  # one worker may go just before the next one comes
                return

    def _accept(self) -> None:
        connection, _ = self.listener.accept()
        connection.settimeout(5)
        self.used[connection] = b""
        self.selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        try:
            received = connection.recv(65536)
        except OSError:
            received = b""
        if not received:
            self.selector.unregister(connection)
            del self.used[connection]
            connection.close()
            return
        *lines, self.used[connection] = (self.used[connection] + received).split(b"\n")
        for line in lines:
            answer = json.dumps(self._answer(json.loads(line))) + "\n"
            with contextlib.suppress(OSError):  # its owner may be gone by now
                connection.sendall(answer.encode())

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        do, arguments = asked["do"], asked.get("arguments", [])
        if do in ("hello", "down"):
            self.ended = self.ended or do == "down"
            return {"answer": None}
        try:
            return {"answer": getattr(self.daemons, do)(*arguments)}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}


def main(folder: Path) -> int:
    """Bring the lab up, serve, take it down; the folder is gone at the end, but for a failure's logs."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "keeper.sock"))
    listener.listen(64)
    keeper = Keeper(folder, listener)

    def end(*_: Any) -> None:
        keeper.ended = True

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever uses the lab
    try:
        keeper.daemons.up()
        keeper.serve()
    except Exception as error:
        (folder / "failed").write_text(f"{error}\n")
        keeper.daemons.down()
        return 1
    gone = folder.with_name(f"{folder.name}.{os.getpid()}")
    folder.rename(gone)  # from here on another lab may take the place
    listener.close()
    keeper.daemons.down()
    shutil.rmtree(gone, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
