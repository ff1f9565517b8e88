"""Rows whose `tools_kwargs` is null for a tool.

Parquet has one layout for all rows. Where one row names a tool that another row does not, the other row gets it as
null, and verl looks `create_kwargs` up in it.

Why: every call of that tool in such a row returns "Error executing tool" to the model.
Source: experimental/agent_loop/tool_agent_loop.py _call_tool (0.7.1: :431-432, 0.8.0: :448-449, 0.9.1: :485-486)
Bad:
    --- train.parquet
    {"data_source": "c", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"ground_truth": "2"}, \
"extra_info": {"tools_kwargs": {"calculator": {"create_kwargs": {"base": "10"}}}}}
    {"data_source": "c", "prompt": [{"role": "user", "content": "3?"}], "reward_model": {"ground_truth": "3"}, \
"extra_info": {"tools_kwargs": {"other": {"create_kwargs": {"base": "2"}}}}}
Good:
    data.train_files=train.parquet
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MULTI_TURN
from toolspec.backends.verl.lint.facts.rows import rows_at_hand
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS626", "null-tool-arguments", "error")


def check(view: View) -> Iterator[Found]:
    file = view.text(f"{MULTI_TURN}.tool_config_path")
    if not file:
        return  # function tools do not read the column
    for split, rows in rows_at_hand(view):
        given = [value for value in rows.values("extra_info.tools_kwargs") if isinstance(value, dict)]
        counts = Counter(name for value in given for name, settings in value.items() if settings is None)
        # JSON rows become one layout as well: a name that is missing in a row is null in it.
        names = {name for value in given for name in value}
        if any(found.suffix != ".parquet" for found in rows.files):
            counts.update(name for value in given for name in names if name not in value)
        for name, number in counts.items():
            if not _configured(view, file, name):
                continue
            yield Found(
                f"{rows.files[0].name}: tools_kwargs.{name} is null in {number} of {len(given)} rows",
                ("dataset:extra_info", f"tool:{name}", f"data.{split}_files"),
                fix=f"write `{name}` in every row, with empty create_kwargs where there is nothing to say",
                why="verl looks create_kwargs up in it: every call of the tool there is an error",
                span=view.span(f"data.{split}_files"),
            )


def _configured(view: View, file: str, name: str) -> bool:
    """Whether the tool file mentions the name. Raises NotKnownError where it is not at hand."""
    path = view.path(file)
    data = view.files.read(path) if path is not None else None
    if data is None:
        raise NotKnownError(f"the tools of {file}")
    return name.encode() in data
