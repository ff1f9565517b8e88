"""`toolspec lsp` over stdio, with pygls: diagnostics, hover, completion and quick fixes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

from toolspec import __version__
from toolspec.lsp.diagnostics import findings
from toolspec.lsp.language import Item, keys, meaning, values, verl_key
from toolspec.lsp.place import Place, place_at
from toolspec.specs.problem import Edit, Problem, Span

SEVERITIES = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "note": lsp.DiagnosticSeverity.Information,
}


def make_server() -> LanguageServer:
    """The server with its features; `start_io` runs it."""
    server = LanguageServer("toolspec", __version__)
    told: dict[str, tuple[Problem, ...]] = {}

    def publish(uri: str) -> None:
        document = server.workspace.get_text_document(uri)
        path = _path(uri)
        found = findings(path, document.source) if path is not None else ()
        here = tuple(p for p in found if p.span is None or _same(p.span.file, path))
        told[uri] = here
        diagnostics = [_diagnostic(problem, list(document.lines)) for problem in here]
        server.text_document_publish_diagnostics(
            lsp.PublishDiagnosticsParams(uri=uri, diagnostics=diagnostics, version=document.version)
        )

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        for uri in list(server.workspace.text_documents):  # what it names may have changed
            publish(uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        told.pop(params.text_document.uri, None)
        empty = lsp.PublishDiagnosticsParams(uri=params.text_document.uri, diagnostics=[])
        server.text_document_publish_diagnostics(empty)

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=[" ", ":", "{", ","])
    )
    def complete(params: lsp.CompletionParams) -> lsp.CompletionList:
        lines = _lines(server, params.text_document.uri)
        if not _is_spec(lines):
            return lsp.CompletionList(is_incomplete=False, items=[])
        items = _completions(_place(lines, params.position))
        return lsp.CompletionList(is_incomplete=False, items=[_item(one) for one in items])

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(params: lsp.HoverParams) -> lsp.Hover | None:
        lines = _lines(server, params.text_document.uri)
        text = _hover(lines, params.position)
        if not text:
            return None
        return lsp.Hover(contents=lsp.MarkupContent(kind=lsp.MarkupKind.Markdown, value=text))

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix])
    )
    def fixes(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        uri = params.text_document.uri
        lines = _lines(server, uri)
        found = (p for p in told.get(uri, ()) if p.edits and _touches(p, params.range) and _only_here(p, uri))
        return [_action(uri, problem, lines) for problem in found]

    return server


def _path(uri: str) -> Path | None:
    parsed = urlparse(uri)
    return Path(unquote(parsed.path)) if parsed.scheme == "file" else None


def _same(file: str, path: Path | None) -> bool:
    return path is not None and Path(file).absolute() == path.absolute()


def _lines(server: LanguageServer, uri: str) -> list[str]:
    return [line.rstrip("\r\n") for line in server.workspace.get_text_document(uri).lines]


def _units(text: str) -> int:
    """UTF-16 code units, which LSP counts columns in."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _characters(line: str, units: int) -> int:
    """The characters before a column of UTF-16 units."""
    return len(line.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore"))


def _range(span: Span | None, lines: list[str]) -> lsp.Range:
    if span is None:
        return lsp.Range(lsp.Position(0, 0), lsp.Position(0, 1))
    line = lines[span.line - 1].rstrip("\r\n") if span.line <= len(lines) else ""
    start = _units(line[: span.column - 1])
    end = start + max(_units(line[span.column - 1 : span.column - 1 + span.length]), 1 if span.length else 0)
    return lsp.Range(lsp.Position(span.line - 1, start), lsp.Position(span.line - 1, end))


def _lines_of(edit: Edit) -> lsp.Range:
    first = edit.span.line - 1
    return lsp.Range(lsp.Position(first, 0), lsp.Position(first + edit.lines, 0))


def _diagnostic(problem: Problem, lines: list[str]) -> lsp.Diagnostic:
    text = problem.message
    if problem.fix:
        text += f"\nfix: {problem.fix}"
    if problem.why:
        text += f"\nwhy: {problem.why}"
    return lsp.Diagnostic(
        range=_range(problem.span, lines),
        message=text,
        severity=SEVERITIES[problem.severity],
        code=problem.code,
        source="toolspec",
    )


def _is_spec(lines: list[str]) -> bool:
    """Whether the text is a spec, or one that begins; a verl config has its sections at the top."""
    return not any(line.startswith(("actor_rollout_ref:", "trainer:", "critic:")) for line in lines)


def _place(lines: list[str], position: lsp.Position) -> Place:
    line = lines[position.line] if position.line < len(lines) else ""
    return place_at(lines, position.line, _characters(line, position.character))


def _completions(place: Place) -> list[Item]:
    if place.key is not None:
        return list(keys(place.path, ()))
    return list(values(place.path))


def _item(item: Item) -> lsp.CompletionItem:
    kind = lsp.CompletionItemKind.Property if item.is_key else lsp.CompletionItemKind.Value
    return lsp.CompletionItem(
        label=item.label,
        kind=kind,
        insert_text=item.insert,
        detail=item.detail or None,
        documentation=item.text or None,
    )


def _hover(lines: list[str], position: lsp.Position) -> str:
    line = lines[position.line] if position.line < len(lines) else ""
    column = _characters(line, position.character)
    end = column
    while end < len(line) and (line[end].isalnum() or line[end] in "_-."):
        end += 1
    if _is_spec(lines):
        place = place_at(lines, position.line, end)
        path = (*place.path, place.key) if place.key else place.path
        return meaning(path)
    place = place_at(lines, position.line, end)
    return verl_key(".".join((*place.path, place.key) if place.key else place.path))


def _only_here(problem: Problem, uri: str) -> bool:
    """Whether its edits are all of this text: those of another file are not to be made in it."""
    return all(_same(edit.span.file, _path(uri)) for edit in problem.edits)


def _touches(problem: Problem, wanted: lsp.Range) -> bool:
    line = problem.span.line - 1 if problem.span is not None else 0
    return wanted.start.line <= line <= wanted.end.line


def _action(uri: str, problem: Problem, lines: list[str]) -> lsp.CodeAction:
    edits = [
        lsp.TextEdit(range=_lines_of(edit) if edit.lines else _range(edit.span, lines), new_text=edit.text)
        for edit in problem.edits
    ]
    return lsp.CodeAction(
        title=f"{problem.code}: {problem.fix or 'fix'}",
        kind=lsp.CodeActionKind.QuickFix,
        edit=lsp.WorkspaceEdit(changes={uri: edits}),
        is_preferred=problem.safe,
    )
