"""The language server with a real client over stdio: diagnostics, hover, completion; places in unfinished texts."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from toolspec.lsp.place import place_at

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SPEC = """\
toolspec: 1
name: e  # é
target: verl==0.9.1
model: Qwen/Qwen2.5-0.5B-Instruct
data: {train: rows.parquet}
reward: {correct: 1}
algorithm: {name: grpo, batch: 64, group: 1, grop: 8}
cluster: {gpus: 1}
"""


class Editor:
    """A client that has one text open."""

    def __init__(self, client: LanguageClient, uri: str) -> None:
        self.client, self.uri = client, uri
        self.told: asyncio.Queue[lsp.PublishDiagnosticsParams] = asyncio.Queue()
        self.version = 0

        @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]
        def diagnostics(params: lsp.PublishDiagnosticsParams) -> None:
            self.told.put_nowait(params)

    async def open(self, text: str) -> list[lsp.Diagnostic]:
        item = lsp.TextDocumentItem(uri=self.uri, language_id="yaml", version=0, text=text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(text_document=item))
        return await self.next()

    async def type(self, text: str) -> list[lsp.Diagnostic]:
        self.version += 1
        document = lsp.VersionedTextDocumentIdentifier(uri=self.uri, version=self.version)
        change = lsp.TextDocumentContentChangeWholeDocument(text=text)
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(text_document=document, content_changes=[change])
        )
        return await self.next()

    async def next(self) -> list[lsp.Diagnostic]:
        return list((await asyncio.wait_for(self.told.get(), 60)).diagnostics)

    def at(self, line: int, character: int) -> dict[str, Any]:
        document = lsp.TextDocumentIdentifier(uri=self.uri)
        return {"text_document": document, "position": lsp.Position(line, character)}


def with_editor(file: Path, use: Callable[[Editor], Awaitable[None]]) -> None:
    async def run() -> None:
        client = LanguageClient("test", "1")
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        await client.start_io(sys.executable, "-m", "toolspec", "lsp", env=environment)
        editor = Editor(client, file.as_uri())
        await client.initialize_async(
            lsp.InitializeParams(capabilities=lsp.ClientCapabilities(), root_uri=file.parent.as_uri())
        )
        client.initialized(lsp.InitializedParams())
        try:
            await use(editor)
        finally:
            await client.shutdown_async(None)
            client.exit(None)
            await client.stop()  # type: ignore[no-untyped-call]

    asyncio.run(asyncio.wait_for(run(), 120))


def test_findings_come_while_typing_and_go_when_mended(tmp_path: Path) -> None:
    async def use(editor: Editor) -> None:
        (found,) = await editor.open(SPEC)
        assert (found.code, found.severity) == ("TS023", lsp.DiagnosticSeverity.Error)
        assert (found.range.start, found.range.end) == (lsp.Position(6, 45), lsp.Position(6, 49))
        assert "did you mean `group`?" in found.message
        (found,) = await editor.type(SPEC.replace(", grop: 8", ""))
        assert found.code == "TS110"
        assert await editor.type(SPEC.replace(", group: 1, grop: 8", ", group: 8")) == []
        broken = await editor.type(SPEC + "budget: {turns: [\n")
        assert [d.severity for d in broken] == [lsp.DiagnosticSeverity.Error]

    with_editor(tmp_path / "exp.yaml", use)


def test_hover_and_completion(tmp_path: Path) -> None:
    async def use(editor: Editor) -> None:
        await editor.open(SPEC)
        hover = await editor.client.text_document_hover_async(lsp.HoverParams(**editor.at(6, 37)))
        assert hover is not None
        text = hover.contents.value if isinstance(hover.contents, lsp.MarkupContent) else ""
        assert "algorithm.group" in text
        assert "actor_rollout_ref.rollout.n" in text
        await editor.type(SPEC + "rollout:\n  eng")
        found = await editor.client.text_document_completion_async(lsp.CompletionParams(**editor.at(9, 5)))
        assert isinstance(found, lsp.CompletionList)
        assert "engine" in {item.label for item in found.items}
        await editor.type(SPEC + "rollout:\n  engine: ")
        found = await editor.client.text_document_completion_async(lsp.CompletionParams(**editor.at(9, 10)))
        assert isinstance(found, lsp.CompletionList)
        assert {item.label for item in found.items} == {"sglang", "vllm"}

    with_editor(tmp_path / "exp.yaml", use)


def test_a_verl_config_is_linted_and_its_keys_explained(tmp_path: Path) -> None:
    text = "defaults: [ppo_trainer, _self_]\nactor_rollout_ref:\n  rollout:\n    max_num_seqs: 64\n  rolout: {n: 2}\n"

    async def use(editor: Editor) -> None:
        found = await editor.open(text)
        assert "TS802" in {d.code for d in found}
        hover = await editor.client.text_document_hover_async(lsp.HoverParams(**editor.at(3, 8)))
        assert hover is not None
        assert isinstance(hover.contents, lsp.MarkupContent)
        assert "- 0.8.0: default `1024`" in hover.contents.value
        assert "- 0.9.1: default `256`" in hover.contents.value

    with_editor(tmp_path / "verl.yaml", use)


@pytest.mark.parametrize(
    ("text", "path", "key", "word"),
    [
        ("", (), "", ""),
        ("al", (), "al", ""),
        ("algorithm:\n  gr", ("algorithm",), "gr", ""),
        ("algorithm:\n  group: 8\n  lr:\n    pe", ("algorithm", "lr"), "pe", ""),
        ("algorithm: {name: grpo, ba", ("algorithm",), "ba", ""),
        ("algorithm: {lr: {peak: 1e-6, wa", ("algorithm", "lr"), "wa", ""),
        ("algorithm: {lr: {peak: 1e-6}, cl", ("algorithm",), "cl", ""),
        ("algorithm: {name: gr", ("algorithm", "name"), None, "gr"),
        ("rollout:\n  engine: sg", ("rollout", "engine"), None, "sg"),
        ("model: Qwen/Qw", ("model",), None, "Qwen/Qw"),
        ("tools:\n  look:\n    py", ("tools", "look"), "py", ""),
        ("budget:\n  turns: 4\n\nte", (), "te", ""),
        ('a: {"x: y": 1, b', ("a",), "b", ""),
    ],
)
def test_the_place_is_known_in_an_unfinished_text(
    text: str, path: tuple[str, ...], key: str | None, word: str
) -> None:
    lines = text.split("\n")
    place = place_at(lines, len(lines) - 1, len(lines[-1]))
    assert (place.path, place.key, place.word) == (path, key, word)
