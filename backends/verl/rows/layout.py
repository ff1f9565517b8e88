"""One row of the user's file as one row in verl's layout.

data_source   text: what validation reports the row under
agent_name    text: the agent loop; the column wins over rollout.agent.default_agent_loop
prompt        list of {role, content}
reward_model  {style, ground_truth}; a `reward_model` of the file's own is kept if no answer column is named
extra_info    split, index (the row's number in the files of its split, from 0, in whatever order rows are
              written), repeat (0 for the first copy of a row), need_tools_kwargs, tools_kwargs, needed_calls
              where a column is named for it; fields of the file's own `extra_info` are kept, its split and
              index as `source_split`, `source_index`
Files without a column mapping keep their other columns; with one, only what is named goes on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from toolspec.backends.verl.rows.answer import answer
from toolspec.backends.verl.rows.findings import Findings, Kind, Place
from toolspec.backends.verl.rows.prompt import Message, Unusable, messages, system_text
from toolspec.backends.verl.rows.shape import is_unicode, word
from toolspec.backends.verl.rows.tool_state import State, row_state
from toolspec.specs.nearest import nearest

VERL_COLUMNS = ("data_source", "agent_name", "prompt", "reward_model", "extra_info")


class RowSource(NamedTuple):
    """Files read with one mapping.

    files: in the order read. columns: keys of specs.data.Columns → column (a dotted name looks into mappings:
    `extra_info.db_id`), empty for files in verl's layout. data_source: of every row. name: of a named
    validation set, else "". repeat: how often each row is written, one after the other.
    """

    files: tuple[Path, ...]
    columns: Mapping[str, str] = MappingProxyType({})
    data_source: str | None = None
    split: Literal["train", "val"] = "train"
    name: str = ""
    repeat: int = 1

    @property
    def path(self) -> str:
        """The spec path that its problems name."""
        return f"data.{self.split}.{self.name}" if self.name else f"data.{self.split}"

    def wanted(self, settings: RowSettings) -> frozenset[str] | None:
        """Top-level columns that the layout reads; None for all."""
        if not self.columns:
            return None
        named = {*self.columns.values(), *VERL_COLUMNS, *((settings.order_by,) if settings.order_by else ())}
        named |= {column for state in settings.per_row.values() for column in state.values()}
        return frozenset(named | {name.split(".", 1)[0] for name in named})


class RowSettings(NamedTuple):
    """What holds for all rows.

    tools: names, all of them. per_row: tool → create argument → column. system: message for rows without one.
    agent_name: the agent loop. order_by: column to sort by (ascending, ties in file order).
    """

    tools: tuple[str, ...] = ()
    per_row: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    system: str | None = None
    agent_name: str = "tool_agent"
    order_by: str | None = None


@dataclass(slots=True)
class LaidOut:
    """A row in verl's layout. state: create arguments by tool, not yet in extra_info."""

    columns: dict[str, Any]
    state: State


class _Missing:
    """What `cell` returns where there is no such column."""


MISSING = _Missing()


def cell(row: Mapping[str, Any], name: str) -> Any:
    """The value of a column, by its name or by a path into mappings; MISSING where it is not there."""
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return MISSING
        value = value[part]
    return value


class Layout:
    """Lays out rows of one source; what is wrong goes to `findings`."""

    def __init__(self, source: RowSource, settings: RowSettings, findings: Findings) -> None:
        self.source, self.settings, self.findings = source, settings, findings

    def lay(self, place: Place, row: Mapping[str, Any], index: int) -> LaidOut | None:
        """The row in verl's layout, None where it cannot be."""
        bad = False

        def attempt(subject: str, make: Any) -> Any:
            nonlocal bad
            try:
                return make()
            except Unusable as error:
                bad = True
                kind: Kind = "missing-column" if isinstance(error, _Absent) else "row-value"
                about = f"{subject}:{_subject(error)}"
                self.findings.row(kind, place, about, str(error), why=error.why, fix=error.fix)
                return None

        prompt = attempt("prompt", lambda: self._prompt(place, row))
        reward = attempt("answer", lambda: self._reward(place, row))
        state = attempt("tools_kwargs", lambda: self._state(place, row))
        data_source = attempt("data_source", lambda: self._data_source(place, row))
        extra = attempt("extra_info", lambda: self._extra(row, index))
        if bad:
            return None
        columns: dict[str, Any] = {
            "data_source": data_source,
            "agent_name": self.settings.agent_name,
            "prompt": prompt,
            "reward_model": reward,
            "extra_info": extra,
        }
        if not self.source.columns:
            columns.update((name, value) for name, value in row.items() if name not in columns)
        return LaidOut(columns, state)

    def _needed(self, row: Mapping[str, Any], name: str, key: str) -> Any:
        value = cell(row, name)
        if value is MISSING:
            raise _Absent(name, key, row)
        return value

    def _prompt(self, place: Place, row: Mapping[str, Any]) -> list[Message]:
        columns = self.source.columns
        name = columns.get("prompt", "prompt")
        prompt = messages(self._needed(row, name, "prompt"), name)
        own = prompt[0]["content"] if prompt[0]["role"] == "system" else None
        column = columns.get("system")
        said = system_text(self._needed(row, column, "system"), column) if column else None
        wanted = said if said is not None else self.settings.system
        if wanted is None or own == wanted:
            return prompt
        if own is None:
            return [{"role": "system", "content": wanted}, *prompt]
        other = f"the column `{column}`" if said is not None else "`data.system`"
        message = f"the prompt begins with a system message of its own, which wins over {other}"
        self.findings.row("row-choice", place, f"system:{other}", message, severity="warning")
        return prompt

    def _reward(self, place: Place, row: Mapping[str, Any]) -> dict[str, Any]:
        name = self.source.columns.get("answer")
        if name is not None:
            return {"style": "rule", "ground_truth": answer(self._needed(row, name, "answer"), name)}
        own = row.get("reward_model")
        if own is None:
            message = (
                "no answer: no column is named for it and there is no `reward_model`; ground_truth is empty"
            )
            fix = "data.columns: {answer: NAME}"
            self.findings.row("no-answer", place, "", message, fix=fix, severity="warning")
            return {"style": "rule", "ground_truth": ""}
        if not isinstance(own, dict):
            raise Unusable(
                f"`reward_model` is {word(own)}",
                "{style: rule, ground_truth: …}, or name the answer's column",
            )
        return {"style": "rule", **{key: value for key, value in own.items() if value is not None}}

    def _data_source(self, place: Place, row: Mapping[str, Any]) -> str:
        source = self.source
        name = source.columns.get("data_source")
        if name is not None:
            value = _label(self._needed(row, name, "data_source"), name)
            if source.name and value != source.name:
                message = f"validation reports {value!r} of the column `{name}`, not `{source.name}`"
                self.findings.row("row-choice", place, "data_source", message, severity="warning")
            return value
        if source.data_source or source.name:
            return source.data_source or source.name
        own = row.get("data_source")
        return place.file.stem if own is None else _label(own, "data_source")

    def _state(self, place: Place, row: Mapping[str, Any]) -> State:
        tools, column = self.settings.tools, self.source.columns.get("tools_kwargs")
        if column:
            state, left_out = row_state(self._needed(row, column, "tools_kwargs"), column, tools)
        else:
            own = cell(row, "extra_info.tools_kwargs")
            state, left_out = row_state(None if own is MISSING else own, "extra_info.tools_kwargs", tools)
        for name in left_out:
            why = "not a tool of this spec, or not read by verl"
            self.findings.row("left-out", place, name, f"`{name}` is left out", why=why, severity="warning")
        for tool, arguments in self.settings.per_row.items():
            for argument, name in arguments.items():
                value = self._needed(row, name, f"tools.{tool}.per_row.{argument}")
                if value is None or (isinstance(value, float) and not math.isfinite(value)):
                    why = f"the tool `{tool}` gets its `{argument}` from it"
                    said = "null" if value is None else str(value)
                    raise Unusable(f"`{name}` is {said}", "fill it in, or leave the row out", why)
                state.setdefault(tool, {})[argument] = value
        return state

    def _extra(self, row: Mapping[str, Any], index: int) -> dict[str, Any]:
        own = row.get("extra_info")
        if own is None:
            own = {}
        if not isinstance(own, dict):
            if self.source.columns:
                own = {}
            else:
                raise Unusable(f"`extra_info` is {word(own)}", "a mapping, as verl reads it")
        kept = {key: value for key, value in own.items() if key not in _OURS}
        kept |= {f"source_{key}": own[key] for key in ("split", "index") if own.get(key) is not None}
        return {
            "split": self.source.split,
            "index": index,
            "repeat": 0,
            "need_tools_kwargs": bool(self.settings.tools),
            **kept,
            **self._needed_calls(row),
        }

    def _needed_calls(self, row: Mapping[str, Any]) -> dict[str, int]:
        name = self.source.columns.get("needed_calls")
        if name is None:
            return {}
        value = self._needed(row, name, "needed_calls")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
            raise Unusable(f"`{name}` is {word(value)}", "a whole number of calls, 0 or more")
        return {"needed_calls": int(value)}


_OURS = frozenset({"split", "index", "repeat", "need_tools_kwargs", "tools_kwargs"})


class _Absent(Unusable):
    """A column that the spec names and the row has not."""

    def __init__(self, name: str, key: str, row: Mapping[str, Any]) -> None:
        close = nearest(name, row)
        said = f"; nearest: `{close[0]}`" if close else ""
        shown = ", ".join(f"`{column}`" for column in list(row)[:12]) + (", …" if len(row) > 12 else "")
        where = key if key.startswith("tools.") else f"columns.{key}"
        fix = f"{where}: {close[0]}" if close else f"{where}: one of {shown}" if row else "write the column"
        super().__init__(f"there is no column `{name}`{said} (the row has {shown or 'none'})", fix)
        self.name = name


def _subject(error: Unusable) -> str:
    """What two rows' errors have in common: the message without the numbers in brackets."""
    import re

    return f"absent {error.name}" if isinstance(error, _Absent) else re.sub(r"\[\d+\]|\(.*\)", "", str(error))


def _label(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Unusable(
            f"`{name}` is {word(value) if not isinstance(value, str) else 'empty'}", "a name, as text"
        )
    if not is_unicode(value):
        raise Unusable(f"`{name}` holds half of a surrogate pair, which is no character", "repair the text")
    return value
