"""Tool arguments where verl does not look for them.

What a row holds for a tool stands in `extra_info.tools_kwargs`, a mapping from the tool's name. The data set writes it
over a column `tools_kwargs` of the same row. A text (`json.dumps`) is not parsed.

Why: a tool never gets what its row holds; of a text every call fails, and the model reads the error.
Source: utils/dataset/rl_dataset.py __getitem__ (0.7.1: :361-367, 0.8.0: :385-391, 0.9.1: :403-409);
experimental/agent_loop/tool_agent_loop.py _call_tool (0.9.1: :485)
Bad:
    --- train.parquet
    {"data_source": "c", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"ground_truth": "2"}, \
"tools_kwargs": {"calculator": {"create_kwargs": {"base": "10"}}}}
Bad:
    --- train.parquet
    {"data_source": "c", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"ground_truth": "2"}, \
"extra_info": {"tools_kwargs": "{\\"calculator\\": {\\"create_kwargs\\": {}}}"}}
Good:
    --- train.parquet
    {"data_source": "c", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"ground_truth": "2"}, \
"extra_info": {"tools_kwargs": {"calculator": {"create_kwargs": {"base": "10"}}}}}
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MULTI_TURN, ROLLOUT
from toolspec.backends.verl.lint.facts.rows import rows_at_hand
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS636", "tool-arguments-misplaced", "error")

COLUMNS = ("tools_kwargs", "tool_selection")
PLACE = '"extra_info": {"tools_kwargs": {"<tool>": {"create_kwargs": {…}}}}'


def check(view: View) -> Iterator[Found]:
    if not view.text(f"{MULTI_TURN}.tool_config_path") or view.value("data.custom_cls.path"):
        return
    if view.value(f"{ROLLOUT}.agent.agent_loop_config_path"):
        return  # an agent loop of one's own may read any column
    for split, rows in rows_at_hand(view):
        name, files = rows.files[0].name, f"data.{split}_files"
        for column in COLUMNS:
            inside = any(value for value in rows.values(f"extra_info.{column}"))
            outside = [value for value in rows.values(column) if value] if column in rows.names else []
            if outside and not inside:
                yield Found(
                    f"{name}: `{column}` is a column of its own in {len(outside)} of {len(rows.sample)} rows, and "
                    f"verl reads extra_info.{column}",
                    (f"dataset:{column}", "dataset:extra_info", files),
                    fix=PLACE.replace("tools_kwargs", column)
                    if column == COLUMNS[0]
                    else f"extra_info.{column}",
                    why="the data set takes no notice of the column",
                    span=view.span(files),
                )
        texts = [
            value for value in rows.values("extra_info.tools_kwargs") if isinstance(value, str) and value
        ]
        if texts:
            yield Found(
                f"{name}: extra_info.tools_kwargs is a text in {len(texts)} of {len(rows.sample)} rows",
                ("dataset:extra_info", files),
                fix=PLACE,
                why="verl looks the tool up in it: every call of a tool in such a row is an error",
                span=view.span(files),
            )
