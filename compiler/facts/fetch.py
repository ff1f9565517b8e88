"""Downloads a model's configuration and tokenizer files, no weights, into the Hugging Face cache's layout.

Standard library only. The files land as plain files in `snapshots/<commit>/`, which the hub's own library
reads like its links, and `refs/<revision>` is written last: a stopped download is a cache without the model.
Protocol: `GET <endpoint>/api/models/<name>/revision/<revision>` gives the commit and the file list,
`GET <endpoint>/<name>/resolve/<commit>/<file>` a file (huggingface_hub 1.x, file_download.py and hf_api.py).
"""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

from toolspec.compiler.facts.hub_cache import cache_folder, is_commit, is_hub_name, is_revision, model_folder
from toolspec.compiler.scratch import scratch
from toolspec.specs.problem import Problem, ProblemError

HUB = "https://huggingface.co"
# File -> the most bytes accepted: several times the largest known of each (Gemma's tokenizer.json: 33 MB).
FILES: Mapping[str, int] = {
    "generation_config.json": 1 << 20,
    "tokenizer_config.json": 32 << 20,
    "tokenizer.json": 128 << 20,
    "chat_template.jinja": 4 << 20,
    "chat_template.json": 4 << 20,
    "special_tokens_map.json": 4 << 20,
    "added_tokens.json": 16 << 20,
    "config.json": 16 << 20,  # last: a snapshot counts from this file on
}
MAX_LISTING_BYTES = 32 << 20
SILENCE_SECONDS = 30.0
DEADLINE_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """directory: the snapshot. commit: its revision. files: names and bytes, in order of download."""

    directory: Path
    commit: str
    files: tuple[tuple[str, int], ...]


def fetch(
    model: str,
    revision: str | None = None,
    into: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Fetched:
    """Gets the files of FILES that the model's repository has. hub_cache.find_snapshot finds them afterwards.

    into: the cache's folder, default by the environment. $HF_ENDPOINT, else huggingface.co; $HF_TOKEN if set,
    which is sent to that host alone; the usual proxy variables. Files already there at the same commit are
    replaced.
    Raises ProblemError (TS042): no network, no such model, no access, an answer that is too large, cut short
    or not the hub's, a cache that cannot be written.
    """
    if not is_hub_name(model):
        raise _problem(f"{model[:200]!r} is no hub name", fix="toolspec fetch organisation/name")
    wanted = revision or "main"
    if not is_revision(wanted):
        raise _problem(f"{wanted[:200]!r} is no commit, branch or tag")
    if environment.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise _problem("HF_HUB_OFFLINE is set, nothing is downloaded", fix="unset HF_HUB_OFFLINE")
    hub = _Hub(model, environment)
    commit, names = _listing(hub, wanted)
    if "config.json" not in names:
        raise _problem(
            f"{model} at {wanted} has no config.json",
            why="it is no transformers model (an adapter, a GGUF repository, or a data set)",
            fix="name the model that it was made from",
        )
    folder = model_folder(model, cache_folder(environment) if into is None else into)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with scratch(folder) as staging:
            sizes = [(name, _download(hub, commit, name, staging)) for name in FILES if name in names]
            _install(staging, folder, commit, wanted, [name for name, _ in sizes])
    except OSError as error:
        raise _problem(
            f"cannot write the cache {folder}: {error.strerror or error}", fix="set HF_HOME"
        ) from None
    return Fetched(folder / "snapshots" / commit, commit, tuple(sizes))


def _install(staging: Path, folder: Path, commit: str, revision: str, names: list[str]) -> None:
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True, exist_ok=True)
    for name in names:
        (staging / name).replace(snapshot / name)
    if not is_commit(revision):
        ref = folder / "refs" / revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        (staging / "ref").write_text(commit, encoding="utf-8")
        (staging / "ref").replace(ref)


def _listing(hub: _Hub, revision: str) -> tuple[str, frozenset[str]]:
    data = hub.get(
        f"api/models/{hub.model}/revision/{quote(revision, safe='')}", MAX_LISTING_BYTES, _read_all
    )
    try:
        answer: Any = json.loads(data)
        commit = answer["sha"]
        names = frozenset(file["rfilename"] for file in answer["siblings"])
    except (ValueError, KeyError, TypeError, RecursionError):
        commit, names = None, frozenset()
    if not isinstance(commit, str) or not is_commit(commit):
        raise _problem(
            f"{hub.endpoint} does not answer like a Hugging Face hub", fix="check HF_ENDPOINT and the proxy"
        )
    return commit, names


def _download(hub: _Hub, commit: str, name: str, staging: Path) -> int:
    file = staging / name

    def save(stream: IO[bytes], read: Callable[[IO[bytes]], bytes]) -> bytes:
        with file.open("wb") as out:
            while chunk := read(stream):
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        return b""

    hub.get(f"{hub.model}/resolve/{commit}/{name}", FILES[name], save)
    return file.stat().st_size


def _read_all(stream: IO[bytes], read: Callable[[IO[bytes]], bytes]) -> bytes:
    parts = []
    while chunk := read(stream):
        parts.append(chunk)
    return b"".join(parts)


class _SameHostRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects; the token goes along only within the host, and https never becomes http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme not in ("http", "https") or (old.scheme == "https" and new.scheme != "https"):
            raise urllib.error.URLError(f"a redirect from {old.scheme} to {new.scheme} is not followed")
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        token = req.unredirected_hdrs.get("Authorization")
        if following is not None and token and (old.scheme, old.netloc) == (new.scheme, new.netloc):
            following.add_unredirected_header("Authorization", token)
        return following


class _Hub:
    """One model on one endpoint, with a deadline over all its requests."""

    def __init__(self, model: str, environment: Mapping[str, str]) -> None:
        self.model = model
        self.endpoint = (environment.get("HF_ENDPOINT") or HUB).rstrip("/")
        self.token = environment.get("HF_TOKEN", "").strip()
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise _problem(f"HF_ENDPOINT {self.endpoint!r} is no http address", fix=f"HF_ENDPOINT={HUB}")
        if self.token and not (self.token.isascii() and self.token.isprintable()):
            raise _problem(
                "HF_TOKEN holds characters that no token has", fix="set it again, without line ends"
            )
        self.opener = urllib.request.build_opener(_SameHostRedirects)
        self.end = time.monotonic() + DEADLINE_SECONDS

    def get(
        self, path: str, limit: int, consume: Callable[[IO[bytes], Callable[[IO[bytes]], bytes]], bytes]
    ) -> bytes:
        """Requests one file; `consume` gets its body and a reader that keeps limit, length and deadline."""
        request = urllib.request.Request(f"{self.endpoint}/{path}", headers={"User-Agent": "toolspec"})
        if self.token:
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            response = self.opener.open(request, timeout=SILENCE_SECONDS)
        except urllib.error.HTTPError as error:
            error.close()
            raise self._refused(error.code, path) from None
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise _problem(
                f"cannot reach {self.endpoint}: {reason}",
                why="only the local cache, directories and the catalogue work without network",
                fix="run this where there is network and copy the cache, or set HF_ENDPOINT to a mirror",
            ) from None
        with response:
            stated = response.headers.get("Content-Length", "")
            length = int(stated) if stated.isdecimal() else None
            if length is not None and length > limit:
                raise self._too_large(path, limit)
            seen = 0

            def read(stream: IO[bytes]) -> bytes:
                nonlocal seen
                if time.monotonic() > self.end:
                    raise _problem(f"{self.endpoint} is too slow: {DEADLINE_SECONDS:.0f} s have passed")
                try:
                    chunk = stream.read(1 << 16)
                except (OSError, HTTPException) as error:
                    raise _problem(
                        f"the download of {path} broke off: {error or type(error).__name__}"
                    ) from None
                seen += len(chunk)
                if seen > limit:
                    raise self._too_large(path, limit)
                if not chunk and length is not None and seen < length:
                    raise _problem(
                        f"the download of {path} broke off after {seen:,} of {length:,} bytes",
                        fix="try again",
                    )
                return chunk

            return consume(response, read)

    def _too_large(self, path: str, limit: int) -> ProblemError:
        return _problem(
            f"{path} has more than {limit:,} bytes", why="no such file of a real model is that large"
        )

    def _refused(self, code: int, path: str) -> ProblemError:
        if code in (401, 403):
            hint = "HF_TOKEN has no access" if self.token else "HF_TOKEN is not set"
            message = (
                f"{self.endpoint} refuses access to {self.model} ({code}): gated, private or misspelt; {hint}"
            )
            return _problem(
                message, fix="check the name, accept the licence on the model's page, and set HF_TOKEN"
            )
        if code == 404:
            return _problem(
                f"{self.endpoint} has no {path} (404)", fix="check the model's name and the revision"
            )
        return _problem(f"{self.endpoint} answers {code} to {path}", fix="try again later")


def _problem(message: str, why: str = "", fix: str = "") -> ProblemError:
    return ProblemError((Problem("TS042", "fetch", message, why=why, fix=fix),))
