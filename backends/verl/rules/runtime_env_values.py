"""A variable for Ray's workers whose value is no text.

`ray_kwargs.ray_init.runtime_env.env_vars` is a mapping of texts. Hydra and YAML make a number of `1` and a truth value
of `true`.

Why: ray.init raises TypeError before anything is loaded.
Source: trainer/main_ppo.py of each release (ray.init takes the section as it is; 0.9.1: :52-74); ray 2,
_private/runtime_env/validation.py parse_and_validate_env_vars
Bad:
    +ray_kwargs.ray_init.runtime_env.env_vars.NCCL_DEBUG=1
Good:
    +ray_kwargs.ray_init.runtime_env.env_vars.NCCL_DEBUG="'1'"
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS921", "runtime-env-values", "error")

SECTION = "ray_kwargs.ray_init.runtime_env.env_vars"


def check(view: View) -> Iterator[Found]:
    for said in view.said_below(SECTION):
        if said.key != SECTION and isinstance(said.value, bool | int | float):
            in_yaml = said.key_span.file.endswith((".yaml", ".yml"))
            text = said.text or str(said.value)
            yield Found(
                f"`{said.key}` is {text}, and Ray takes only texts there",
                (said.key,),
                fix=f'{said.key.rpartition(".")[2]}: "{text}"'
                if in_yaml
                else f"""{said.op}{said.key}="'{text}'\"""",
                why="ray.init raises TypeError: env_vars must be Dict[str, str]",
                span=said.span,
            )
