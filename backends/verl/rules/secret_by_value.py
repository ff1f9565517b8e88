"""A key or token that a file writes out.

The value is not printed, and the finding cannot be silenced.

Why: scripts and configs are committed, copied into bundles and logged by every tracker.
Source: the forms that GitHub, Hugging Face, Weights & Biases and others document for their tokens
Bad:
    --- run.sh
    export WANDB_API_KEY=0123456789abcdef0123456789abcdef01234567
    python3 -m verl.trainer.main_ppo $ARGUMENTS
Good:
    --- run.sh
    ACCURACY_KEY=${ACCURACY_KEY:-acc}; MAX_TOKEN=1024
    python3 -m verl.trainer.main_ppo $ARGUMENTS data.max_prompt_length=$MAX_TOKEN
Good:
    --- run.sh
    export WANDB_API_KEY=$(cat ~/.wandb_key)
    python3 -m verl.trainer.main_ppo $ARGUMENTS
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.shell.text import known
from toolspec.specs.problem import Span
from toolspec.specs.secret import CODE, NAME, form_of, is_secret

RULE = Rule(CODE, NAME, "error", loud=True)

WHY = "it is committed with the file, and copied wherever the run goes"


def check(view: View) -> Iterator[Found]:
    if view.run.spec is not None:
        return  # it is refused when it is read
    launch, seen = view.run.launch, set()
    for one in launch.script.assignments if launch is not None else ():
        text = None if isinstance(one.value, list) else known(one.value)
        if text and is_secret(one.name, text, variable=True):
            seen.add(one.span.line)
            yield _found(f"`{one.name}` is given by value", f"launch:{one.name}", one.span)
    for number, line in enumerate(launch.script.lines if launch is not None else (), 1):
        form = form_of(line)
        if form and number not in seen and launch is not None:
            yield _found(f"here stands {form}", "launch:run.sh", Span(launch.script.file, number, 1, 1))
    for said in view.run.said:
        leaf = said.key.rsplit(".", 1)[-1]
        if isinstance(said.value, str) and (
            is_secret(leaf, said.value, variable=False) or form_of(said.value)
        ):
            yield _found(f"`{said.key}` is given by value", said.key, said.key_span)


def _found(message: str, key: str, span: Span) -> Found:
    fix = "read it from the environment of the job, and revoke this one"
    return Found(message, (key,), fix=fix, why=WHY, span=span)
