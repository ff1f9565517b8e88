"""A model path that leads to no model.

verl hands the path to transformers: a folder with `config.json` and a tokenizer, or the name of one on the hub. A
checkpoint that verl wrote holds shards, which its model merger makes a model of; a LoRA adapter goes into
`model.lora_adapter_path`.

Why: the run stops when it reads the model's configuration.
Source: workers/config/model.py HFModelConfig.__post_init__ (0.9.1; AutoConfig.from_pretrained and hf_tokenizer of the
path), workers/fsdp_workers.py of 0.7.1; utils/checkpoint/fsdp_checkpoint_manager.py (the names of the shards);
huggingface_hub, validate_repo_id (at most one `/`)
Bad:
    --- model/config.json
    (missing)
Bad:
    actor_rollout_ref.model.path=checkpoints/step/actor
Good:
    actor_rollout_ref.model.path=model
Bad:
    actor_rollout_ref.model.path=saved
    --- saved/fsdp_config.json
    {}
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toolspec.backends.verl.lint.derived import MODEL, has_critic
from toolspec.backends.verl.lint.facts.places import is_missing
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.named_file import is_folder

RULE = Rule("TS826", "model-folder", "error")

ACTOR, CRITIC = f"{MODEL}.path", "critic.model.path"
TOKENIZERS = r"tokenizer.*|vocab\..*|.*\.tiktoken|spiece\.model|merges\.txt|sentencepiece.*"
SHARDS = r"(?:model|optim|extra_state)_world_size_\d+_rank_\d+\.pt|fsdp_config\.json|dist_ckpt"
STOPS = "transformers finds no config.json there, and the run stops"


def check(view: View) -> Iterator[Found]:
    unknown: NotKnownError | None = None
    for key in (ACTOR, CRITIC) if has_critic(view) else (ACTOR,):
        said = view.said(key)
        if said is None or (view.run.spec is not None and not said.overridden):
            continue
        try:
            yield from _one(view, key)
        except NotKnownError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown


def _one(view: View, key: str) -> Iterator[Found]:
    text = view.text(key)
    if not text:
        return
    path = view.path(text)
    if path is None:
        # With one `/` or none it may be a name on the hub.
        if (text.startswith(("./", "../")) or text.strip("/").count("/") > 1) and is_missing(view, key, text):
            yield Found(
                f"there is no folder {text}",
                (key,),
                fix="the model's folder, or its name on the hub",
                why=STOPS,
            )
        return
    if not is_folder(path):
        yield Found(
            f"{text} is a file, and verl takes the model's folder", (key,), fix=_folder(text), why=STOPS
        )
    elif not view.files.named(path, r"config\.json|params\.json"):
        yield _no_config(view, key, text, path)
    elif (
        key == ACTOR and not view.value(f"{MODEL}.tokenizer_path") and not view.files.named(path, TOKENIZERS)
    ):
        yield Found(
            f"{text} holds no tokenizer",
            (key, f"{MODEL}.tokenizer_path"),
            fix="copy the base model's tokenizer files into it, or name it: "
            f"{'' if view.keys.listed(f'{MODEL}.tokenizer_path') else '+'}{MODEL}.tokenizer_path=…",
            why="verl loads the tokenizer from the model's folder, and stops",
        )


def _no_config(view: View, key: str, text: str, path: Path) -> Found:
    if view.files.named(path, SHARDS):
        merged = f"{text.rstrip('/')}/merged"
        fix = f"python -m verl.model_merger merge --backend fsdp --local_dir {text} --target_dir {merged}"
        return Found(f"{text} is a checkpoint of verl's, in shards, and no model", (key,), fix=fix, why=STOPS)
    if view.files.named(path, r"adapter_config\.json"):
        return Found(
            f"{text} is a LoRA adapter, and no model",
            (key, f"{MODEL}.lora_adapter_path"),
            fix=f"{MODEL}.lora_adapter_path={text}, and the base model as {key}",
            why=STOPS,
        )
    return Found(f"{text} has no config.json", (key,), fix="the folder that holds config.json", why=STOPS)


def _folder(text: str) -> str:
    return text.rpartition("/")[0] or "the folder that the file is in"
