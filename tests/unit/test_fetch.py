"""The download of a model's few files, against a local server that speaks the hub's protocol."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from toolspec.compiler.facts import fetch as fetch_module
from toolspec.compiler.facts.fetch import Fetched, fetch
from toolspec.compiler.facts.hub_cache import find_snapshot
from toolspec.compiler.facts.model import model_facts
from toolspec.specs.problem import Problem, ProblemError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONFIG = json.dumps({"model_type": "qwen2", "num_hidden_layers": 2, "max_position_embeddings": 64}).encode()
NAME = "org/name-1B"


@dataclass
class Server:
    """What the server has, what it does wrong, and what it was asked: (path, Authorization header)."""

    files: dict[str, bytes] = field(default_factory=lambda: {"config.json": CONFIG, "tokenizer.json": b"{}"})
    refuse: int = 0
    cut: str = ""
    listing: bytes | None = None
    tells_length: bool = True
    elsewhere: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        if self.refuse:
            return self.refuse, b"", {}
        if path in (f"/api/models/{NAME}/revision/main", f"/api/models/{NAME}/revision/v1%2F0"):
            siblings = [{"rfilename": name} for name in (*self.files, "model.safetensors", "../evil.json")]
            body = json.dumps({"sha": COMMIT, "siblings": siblings}).encode()
            return 200, body if self.listing is None else self.listing, {}
        prefix = f"/{NAME}/resolve/{COMMIT}/"
        name = path.removeprefix(prefix)
        if name == path or name not in self.files:
            return 404, b"", {}
        if self.elsewhere and name == "tokenizer.json":
            return 302, b"", {"Location": f"{self.elsewhere}{path}"}
        return 200, self.files[name], {}


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append((self.path, self.headers.get("Authorization")))
            code, body, headers = server.answer(self.path)
            self.send_response(code)
            for key, value in headers.items():
                self.send_header(key, value)
            if server.tells_length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:-1] if server.cut and self.path.endswith(server.cut) else body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    server.address = f"http://127.0.0.1:{http.server_address[1]}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def get(server: Server, cache: Path, **environment: str) -> Fetched:
    return fetch(NAME, None, cache, {"HF_ENDPOINT": server.address + "/", **environment})


def refused(server: Server, cache: Path, **environment: str) -> Problem:
    """The problem of a download that fails, after a look that it left nothing that counts as the model."""
    with pytest.raises(ProblemError) as caught:
        get(server, cache, **environment)
    assert find_snapshot(NAME, None, cache) is None
    assert not list(cache.glob("**/.toolspec-*"))
    (problem,) = caught.value.problems
    assert problem.code == "TS042"
    return problem


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def test_the_files_land_where_the_cache_is_searched(tmp_path: Path) -> None:
    with serving(Server()) as server:
        got = get(server, tmp_path)
    assert got.commit == COMMIT
    assert got.files == (("tokenizer.json", 2), ("config.json", len(CONFIG)))
    assert find_snapshot(NAME, None, tmp_path) == got.directory == find_snapshot(NAME, COMMIT, tmp_path)
    assert (got.directory / "config.json").read_bytes() == CONFIG
    # No weights, and nothing that the listing names outside the snapshot.
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == [
        "config.json",
        "main",
        "tokenizer.json",
    ]
    assert all("safetensors" not in path and ".." not in path for path, _ in server.asked)
    facts = model_facts(NAME, None, tmp_path / "nowhere", tmp_path)
    assert (facts.layers, facts.revision) == (2, COMMIT)


def test_a_second_fetch_replaces_the_first(tmp_path: Path) -> None:
    with serving(Server()) as server:
        get(server, tmp_path)
        server.files["config.json"] = CONFIG.replace(b": 2", b": 3")
        got = get(server, tmp_path)
    assert (got.directory / "config.json").read_bytes() == server.files["config.json"]


def test_a_tag_is_kept_apart_from_main(tmp_path: Path) -> None:
    with serving(Server()) as server:
        got = fetch(NAME, "v1/0", tmp_path, {"HF_ENDPOINT": server.address})
    assert find_snapshot(NAME, "v1/0", tmp_path) == got.directory
    assert find_snapshot(NAME, None, tmp_path) is None


def test_the_token_goes_to_the_hub_and_not_where_it_redirects(tmp_path: Path) -> None:
    with serving(Server()) as storage, serving(Server(elsewhere=storage.address)) as server:
        get(server, tmp_path, HF_TOKEN="hf_secret")
    assert {authorization for _, authorization in server.asked} == {"Bearer hf_secret"}
    assert [authorization for _, authorization in storage.asked] == [None]


def test_the_token_stays_through_a_redirect_within_the_hub(tmp_path: Path) -> None:
    with serving(Server()) as server:
        moved = Server.answer

        def answer(self: Server, path: str) -> tuple[int, bytes, dict[str, str]]:
            if path.startswith("/api/models/old/"):
                return 307, b"", {"Location": path.replace("/old/", "/org/")}
            return moved(self, path.replace("/old/", "/org/"))

        server.answer = answer.__get__(server)  # type: ignore[method-assign]
        got = fetch("old/name-1B", None, tmp_path, {"HF_ENDPOINT": server.address, "HF_TOKEN": "t"})
    assert got.commit == COMMIT
    assert {authorization for _, authorization in server.asked} == {"Bearer t"}


@pytest.mark.parametrize(
    ("code", "environment", "said"),
    [
        (401, {}, "HF_TOKEN is not set"),
        (403, {"HF_TOKEN": "hf_secret"}, "HF_TOKEN has no access"),
        (404, {}, "(404)"),
        (500, {}, "answers 500"),
    ],
)
def test_a_refusal_says_what_is_missing(
    tmp_path: Path, code: int, environment: dict[str, str], said: str
) -> None:
    with serving(Server(refuse=code)) as server:
        problem = refused(server, tmp_path, **environment)
    assert said in problem.message
    assert "hf_secret" not in f"{problem}"


@pytest.mark.parametrize(
    "listing", [b"<html>", b"[]", b"{}", b'{"sha": "../..", "siblings": []}', b"[" * 100_000]
)
def test_an_answer_that_is_no_hubs(tmp_path: Path, listing: bytes) -> None:
    with serving(Server(listing=listing)) as server:
        assert "does not answer like" in refused(server, tmp_path).message


def test_a_repository_without_config(tmp_path: Path) -> None:
    with serving(Server(files={"tokenizer.json": b"{}"})) as server:
        assert "has no config.json" in refused(server, tmp_path).message


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_download_cut_short_leaves_no_model(tmp_path: Path, name: str) -> None:
    with serving(Server(cut=name)) as server:
        assert "broke off" in refused(server, tmp_path).message


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_file_over_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tells_length: bool) -> None:
    monkeypatch.setattr(fetch_module, "FILES", {**fetch_module.FILES, "config.json": 10})
    with serving(Server(tells_length=tells_length)) as server:
        assert "more than 10 bytes" in refused(server, tmp_path).message


def test_a_slow_hub_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "DEADLINE_SECONDS", -1.0)
    with serving(Server()) as server:
        assert "too slow" in refused(server, tmp_path).message


def test_without_network(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        problem = refused(Server(address=address), tmp_path)
    assert "cannot reach" in problem.message and "HF_ENDPOINT" in problem.fix


@pytest.mark.parametrize(
    ("model", "revision", "environment", "said"),
    [
        ("../secret", None, {}, "is no hub name"),
        ("https://huggingface.co/org/name", None, {}, "is no hub name"),
        (NAME, "../../x", {}, "is no commit, branch or tag"),
        (NAME, None, {"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE"),
        (NAME, None, {"HF_ENDPOINT": "file:///etc"}, "no http address"),
        (NAME, None, {"HF_TOKEN": "a\nb"}, "HF_TOKEN holds characters"),
    ],
)
def test_what_is_refused_before_any_request(
    tmp_path: Path, model: str, revision: str | None, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        fetch(model, revision, tmp_path, {"HF_ENDPOINT": "http://127.0.0.1:9", **environment})
    assert said in caught.value.problems[0].message
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("a file")
    with serving(Server()) as server, pytest.raises(ProblemError) as caught:
        get(server, tmp_path / "hub")
    assert "cannot write the cache" in caught.value.problems[0].message
