"""A chat template that is no template.

`model.custom_chat_template` takes the text of a template. A path, or the name of a file, is a template too: one that
renders these characters in place of every prompt.

Why: the policy is asked the same for every row, and its answers are scored all the same.
Source: workers/config/model.py (0.9.1: HFModelConfig.__post_init__ assigns it to tokenizer.chat_template) and
workers/fsdp_workers.py of 0.7.1; no release reads a file there. transformers renders it with jinja2
Bad:
    +actor_rollout_ref.model.custom_chat_template=chat.jinja
    --- chat.jinja
    {{ tools }}{% for m in messages %}{{ m.content }}{% endfor %}
Good:
    +actor_rollout_ref.model.custom_chat_template="'{{ tools }}{% for m in messages %}{{ m.content }}{% endfor %}'"
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import runs_own_code
from toolspec.backends.verl.lint.facts.template import CUSTOM
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS324", "template-without-messages", "error")


def check(view: View) -> Iterator[Found]:
    text = view.text(CUSTOM)
    if not text or "{{" in text or "{%" in text:
        return
    path = view.path(text)
    yield Found(
        f"{view.shown(CUSTOM)} is {'the name of a file' if path else 'no template'}: every prompt becomes this text",
        (CUSTOM,),
        fix=f'{CUSTOM}="$(cat {text})"' if path else "the text of a chat template",
        why="verl hands the text itself to the tokenizer",
        # Code of the user's own may read the file that it names.
        severity="warning" if runs_own_code(view) else None,
    )
