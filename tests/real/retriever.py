"""A search service for the examples that ask one: any query finds the same passage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

PASSAGE = "Six times seven is forty-two."


class Retriever(BaseHTTPRequestHandler):
    """`{"queries": [text], "topk": n}` → `{"result": [[{"document": {"contents": PASSAGE}}]]}`."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps({"result": [[{"document": {"contents": PASSAGE}}]]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def retriever() -> Iterator[str]:
    """The address of a running service."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Retriever)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/retrieve"
    finally:
        server.shutdown()
        server.server_close()
