"""The first pass over the rows finds what is wrong and the types; the second lays them out accordingly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from toolspec.backends.verl.rows.findings import Findings, Place
from toolspec.backends.verl.rows.layout import VERL_COLUMNS, LaidOut, Layout, RowSettings, RowSource
from toolspec.backends.verl.rows.reading import Reader
from toolspec.backends.verl.rows.shape import Shape
from toolspec.backends.verl.rows.sorting import SortKeys
from toolspec.backends.verl.rows.tool_state import written
from toolspec.compiler.facts.row_files import schema
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import ProblemError

_TRUTH = "reward_model.ground_truth"


class Survey:
    """Rows read twice, by `run` and then by `written_rows`.

    rows: how many will be written, with repeats. keys: what they are sorted by, if they are. lists: whether
    ground_truth is a list. left_out: columns that their mapping does not name.
    """

    def __init__(self, sources: Sequence[RowSource], settings: RowSettings, findings: Findings) -> None:
        self.sources, self.settings, self.findings = sources, settings, findings
        self.keys = SortKeys(settings.order_by, findings) if settings.order_by else None
        self.shape = Shape()
        self.rows = 0
        self.lists = self.texts = False
        self.left_out: set[str] = set()
        self.stateless: frozenset[str] = frozenset()

    def run(self) -> None:
        for source, place, row, laid in self._laid_out(self.findings, first=True):
            if self.keys and not self.keys.add(place, row, source.repeat):
                continue
            self.rows += source.repeat
            self._observe(place, laid)
        self._settle()

    def first_rows(self, most: int) -> tuple[list[dict[str, Any]], bool]:
        """The first rows as they would be written, repeats left out, and whether they are all."""
        rows: list[LaidOut] = []
        whole = True
        for source, place, row, laid in self._laid_out(self.findings, first=True):
            if len(rows) >= most:
                whole = False
                break
            if self.keys and not self.keys.add(place, row, source.repeat):
                continue
            self.rows += source.repeat
            self._observe(place, laid)
            rows.append(laid)
        self._settle()
        if whole and not self.findings.failed:
            self.warn()
        if self.settings.tools:
            for laid in rows:
                laid.columns["extra_info"]["tools_kwargs"] = self._arguments(laid)
        return [laid.columns for laid in rows], whole

    def laid_out(self) -> Iterator[tuple[Place, dict[str, Any]]]:
        """Place and columns of each row, repeats left out, before the types of all rows are known."""
        for _, place, _, laid in self._laid_out(self.findings, first=True):
            yield place, laid.columns

    def _arguments(self, laid: LaidOut) -> dict[str, dict[str, Any]]:
        return written(laid.state, self.settings.tools, self.stateless)

    def _laid_out(
        self, findings: Findings, first: bool = False
    ) -> Iterator[tuple[RowSource, Place, dict[str, Any], LaidOut]]:
        index = 0
        for source in self.sources:
            layout, before = Layout(source, self.settings, findings), index
            wanted = source.wanted(self.settings)
            for file in source.files:
                if first and not has_columns(file, source, self.settings, findings):
                    index += 1
                    continue
                reader = Reader(file, source.path, findings, wanted)
                for place, row in reader.rows():
                    laid = layout.lay(place, row, index)
                    index += 1
                    if laid is not None:
                        yield source, place, row, laid
                if first and wanted is not None:
                    self.left_out |= set(reader.seen) - wanted
            if index == before and not findings.failed:
                names = ", ".join(file.name for file in source.files) or "no file"
                findings.whole("no-rows", source.path, f"there are no rows in {names}")

    def _observe(self, place: Place, laid: LaidOut) -> None:
        where = f"{place.unit} {place.number:,} of {place.file.name}"

        def report(path: str, message: str, fix: str) -> None:
            if path == _TRUTH:
                message = message.replace("a list in", "text or a list in")
            self.findings.row("mixed-types", place, f"{path}:{fix}", message, fix=fix)

        free = {name: value for name, value in laid.columns.items() if name not in VERL_COLUMNS[:3]}
        truth = laid.columns["reward_model"].get("ground_truth")
        self.lists |= isinstance(truth, list)
        if isinstance(truth, str):
            self.texts = True
            free["reward_model"] = {**laid.columns["reward_model"], "ground_truth": [truth]}
        if self.settings.tools:
            free["extra_info"]["tools_kwargs"] = written(laid.state, self.settings.tools, frozenset())
        self.shape.observe(free, "", where, report)

    def _settle(self) -> None:
        """Ends the types: one text a row unless a row has a list; a placeholder for tools without state."""
        fields = self.shape.prune().fields
        if self.texts and not self.lists:
            truths = fields["reward_model"].fields
            truths["ground_truth"] = truths["ground_truth"].item or Shape()
        if not fields or not self.settings.tools:
            return
        known = fields["extra_info"].fields.get("tools_kwargs", Shape()).fields
        self.stateless = frozenset(self.settings.tools) - frozenset(known)
        place_holders = written({}, self.stateless, self.stateless)
        self.shape.observe({"extra_info": {"tools_kwargs": place_holders}}, "", "", lambda *_: None)
        self.shape.prune()

    def schema(self) -> Any:
        """The Arrow schema of the written rows."""
        import pyarrow as pa

        text = pa.string()
        message = pa.struct([pa.field("role", text), pa.field("content", text)])
        fixed = [("data_source", text), ("agent_name", text), ("prompt", pa.list_(message))]
        free = {name: field.arrow() for name, field in self.shape.fields.items()}
        first = [(name, free.pop(name)) for name in VERL_COLUMNS[3:]]
        return pa.schema([pa.field(name, kind) for name, kind in [*fixed, *first, *free.items()]])

    def written_rows(self, findings: Findings) -> Iterator[dict[str, Any]]:
        """The rows as they are written, each as often as its source says."""
        for source, _, _, laid in self._laid_out(findings):
            row = laid.columns
            reward = row["reward_model"]
            if self.lists and isinstance(reward.get("ground_truth"), str):
                row["reward_model"] = {**reward, "ground_truth": [reward["ground_truth"]]}
            if self.settings.tools:
                row["extra_info"]["tools_kwargs"] = self._arguments(laid)
            row = {**row, **self.shape.fit({name: row[name] for name in row if name not in VERL_COLUMNS[:3]})}
            for number in range(source.repeat):
                yield {**row, "extra_info": {**row["extra_info"], "repeat": number}}

    def warn(self) -> None:
        """What the types say about all rows together."""
        split = f"data.{self.sources[0].split}"
        if self.lists and self.texts:
            message = (
                "some rows have a list of accepted answers, so a single answer is written as a list of one"
            )
            self.findings.whole("row-choice", split, message, severity="warning")
        if not self.settings.tools:
            return
        tools = self.shape.fields["extra_info"].fields["tools_kwargs"]
        for name in self.settings.tools:
            for path, rows in tools.fields[name].sometimes(f"extra_info.tools_kwargs.{name}"):
                message = f"`{path}` is missing in {rows:,} rows; there the tool gets None for it"
                why = "parquet gives every row of a column the same fields"
                self.findings.whole("left-out", split, message, why=why, severity="warning")


def has_columns(file: Path, source: RowSource, settings: RowSettings, findings: Findings) -> bool:
    """Whether a parquet file has all columns that are named; one finding a column, not one a row."""
    if file.suffix.lower() != ".parquet":
        return True
    try:
        names = list(schema(file).names)
    except ProblemError as error:
        findings.whole("unreadable-rows", source.path, error.problems[0].message)
        return False
    needed = {"columns.prompt": source.columns.get("prompt", "prompt")}
    needed |= {f"columns.{key}": name for key, name in source.columns.items()}
    needed |= {
        f"tools.{tool}.per_row.{argument}": name
        for tool, state in settings.per_row.items()
        for argument, name in state.items()
    }
    if settings.order_by:
        needed["order.by"] = settings.order_by
    absent = [
        (key, name)
        for key, name in needed.items()
        if name not in names and name.split(".", 1)[0] not in names
    ]
    shown = ", ".join(f"`{name}`" for name in names[:12]) + (", …" if len(names) > 12 else "")
    for key, name in absent:
        close = nearest(name, names)
        said = f"; nearest: `{close[0]}`" if close else ""
        message = f"{file.name} has no column `{name}`{said} (it has {shown})"
        findings.whole(
            "missing-column", source.path, message, fix=f"{key}: {close[0] if close else 'one of these'}"
        )
    return not absent
