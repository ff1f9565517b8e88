"""A line that looks like an assignment and is a command.

`GPUS = 8` runs a command `GPUS`, `GPUS= 8` runs a command `8`, and `$GPUS=8` one whose name begins with what GPUS
holds.

Why: bash says that the command is not found, which ends a script under `set -e`; without it the variable stays empty.
Source: bash's grammar (an assignment has no blank around `=`, and no `$` before its name)
Bad:
    --- run.sh
    GPUS = 8
    python3 -m verl.trainer.main_ppo $ARGUMENTS trainer.n_gpus_per_node=$GPUS
Good:
    --- run.sh
    GPUS=8
    python3 -m verl.trainer.main_ppo $ARGUMENTS trainer.n_gpus_per_node=$GPUS
Bad:
    --- run.sh
    GPUS= 8
    python3 -m verl.trainer.main_ppo $ARGUMENTS
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS916", "no-assignment", "error")

# Of a whole line, so that a test, an argument or a text that reads alike is none.
_FORMS = re.compile(
    r"\s*(?:export\s+)?(?:(?P<blank>[A-Za-z_]\w*)\s+=\s*(?P<value>[^=~\s(]\S*)"
    r"|(?P<after>[A-Za-z_]\w*)=\s+(?P<number>\d[\d.]*)|\$(?P<dollar>[A-Za-z_]\w*)=(?P<given>\S+))\s*(?:#.*)?"
)


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None:
        return
    told: set[int] = set()
    for command in launch.script.commands:
        line = command.span.line
        if command.inner or line in told or command.span.file != launch.script.file:
            continue
        match = _FORMS.fullmatch(launch.script.lines[line - 1])
        if match is None:
            continue
        told.add(line)
        name = match["blank"] or match["after"] or match["dollar"]
        value = match["value"] or match["number"] or match["given"]
        yield Found(
            f"`{launch.script.lines[line - 1].strip()}` is no assignment: bash looks for a command",
            (f"launch:{name}",),
            fix=f"{name}={value}",
            why=f"{name} keeps what it had, or is empty; under `set -e` the script ends there",
            span=command.span,
        )
