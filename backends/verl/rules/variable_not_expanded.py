"""A variable of the shell that reaches verl as its name.

In single quotes, and in a YAML file, `$DATA` is five characters. Neither Hydra nor verl replaces it; OmegaConf's own
form is `${oc.env:DATA}`.

Why: verl looks for a file or a model of that name, or names its folders so.
Source: bash's manual, 3.1.2.2; hydra-core 1.3 takes `$` as a character of a value (composed); no reader of verl
expands variables (no `expandvars` in the wheels)
Bad:
    --- run.sh
    DATA=.
    python3 -m verl.trainer.main_ppo $ARGUMENTS 'data.train_files=[$DATA/train.parquet]'
Good:
    --- run.sh
    DATA=.
    python3 -m verl.trainer.main_ppo $ARGUMENTS "data.train_files=[$DATA/train.parquet]"
Bad:
    --- config.yaml
    defaults: [ppo_trainer, _self_]
    actor_rollout_ref: {model: {path: $MODEL}}
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION, MODEL, MULTI_TURN, ROLLOUT
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS918", "variable-not-expanded", "error")

_NAME = re.compile(r"\$([A-Za-z_]\w*)")
READ = (
    f"{MODEL}.path",
    "critic.model.path",
    "data.train_files",
    "data.val_files",
    "data.custom_cls.path",
    f"{FUNCTION}.path",
    f"{MULTI_TURN}.tool_config_path",
    f"{MULTI_TURN}.function_tool_path",
    f"{ROLLOUT}.agent.agent_loop_config_path",
    "trainer.resume_from_path",
)
MADE = (
    "trainer.default_local_dir",
    "trainer.default_hdfs_dir",
    "trainer.project_name",
    "trainer.experiment_name",
    "trainer.rollout_data_dir",
    "trainer.validation_data_dir",
)


def check(view: View) -> Iterator[Found]:
    script = view.run.launch is not None
    if view.run.launch is not None and view.run.launch.command.inner:
        return  # another shell reads the text
    for key in (*READ, *MADE):
        said = view.said(key)
        if said is None:
            continue
        written = said.value if isinstance(said.value, list) else [said.value]
        names = [m[1] for text in written if isinstance(text, str) for m in _NAME.finditer(text)]
        if not names:
            continue
        in_script = script and said.span.file == view.run.file
        yield Found(
            f"`${names[0]}` is not replaced in {view.name(key)}, "
            + ("in single quotes" if in_script else "in YAML"),
            (key,),
            fix="write double quotes" if in_script else f"${{oc.env:{names[0]}}}",
            why="verl gets the name of the variable as it stands",
            severity="error" if in_script and key in READ else "warning",
        )
