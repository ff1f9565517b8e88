"""A mapping without quotes, which bash takes apart before Hydra sees it.

Outside quotes `{a:1,b:2}` is a brace expansion: the argument becomes `key=a:1` and `key=b:2`.

Why: verl gets the text of the last part in place of the mapping.
Source: bash's brace expansion; hydra-core 1.3 grammar/OverrideParser.g4 (a text may hold a colon)
Bad:
    --- run.sh
    python3 -m verl.trainer.main_ppo data.train_batch_size=32 +data.apply_chat_template_kwargs={a:1,b:2}
Good:
    actor_rollout_ref.rollout.val_kwargs.temperature=0.6
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.shell.text import shown

RULE = Rule("TS904", "braces-expanded", "error")


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None:
        return
    places = Counter(
        (word.span.line, word.span.column, shown(word.text).lstrip("+~").partition("=")[0])
        for word in launch.command.words
    )
    seen = set()
    for said in view.run.said:
        at = said.key_span.line, said.key_span.column, said.key
        if said.key_span.file != view.run.file or places[at] < 2 or at in seen:
            continue
        line = launch.script.lines[at[0] - 1] if at[0] <= len(launch.script.lines) else ""
        if not re.search(r"(?<!\$)\{", line[at[1] - 1 :]):
            continue
        seen.add(at)
        yield Found(
            f"bash expands the braces of `{said.key}` to {places[at]} arguments",
            (said.key,),
            fix="put the whole argument into single quotes",
            why="verl gets a text in place of the mapping",
            span=said.key_span,
        )
