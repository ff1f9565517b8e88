"""A model with code of its own that verl is not told to trust.

transformers loads a class from the model's folder only with `trust_remote_code`. Each role has its own key: up to
0.7.1 that of the critic followed the actor's, since 0.8.0 it is false by itself.

Why: the run stops where the model's config is read: for the critic in validate_config.
Source: workers/config/model.py (0.7.1: :169, 0.8.0: :181, 0.9.1: :181), workers/config/critic.py (0.7.1: :96-101);
run on 0.8.0 with such a critic
Bad:
    actor_rollout_ref.model.path=own
    --- own/config.json
    {"model_type": "mine", "auto_map": {"AutoConfig": "configuration_mine.Config"}, "hidden_size": 64}
    --- own/configuration_mine.py
    class Config: pass
Good:
    actor_rollout_ref.model.trust_remote_code=False
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MODEL, has_critic
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS819", "untrusted-model-code", "error")

# Architectures of transformers 5.10 whose published models bring code as well, which is then not needed.
# fmt: off
NATIVE = frozenset({
    "apertus", "arcee", "bamba", "bitnet", "cohere", "cohere2", "dbrx", "deepseek_v2", "deepseek_v3",
    "deepseek_v4", "deepseek_vl", "dots1", "ernie4_5", "ernie4_5_moe", "exaone4", "exaone_moe", "falcon",
    "falcon_h1", "falcon_mamba", "gemma", "gemma2", "gemma3", "gemma3_text", "glm", "glm4", "glm4_moe",
    "glm4_moe_lite", "glm4v", "glm4v_moe", "gpt_oss", "granite", "granitemoe", "hunyuan_v1_dense",
    "hunyuan_v1_moe", "internvl", "jamba", "lfm2", "lfm2_moe", "llama", "llama4", "mamba", "mamba2",
    "minimax", "minimax_m2", "mistral", "mixtral", "mpt", "nemotron", "nemotron_h", "olmo", "olmo2", "olmo3",
    "olmoe", "persimmon", "phi", "phi3", "phi4_multimodal", "phimoe", "qwen2", "qwen2_5_vl", "qwen2_moe",
    "qwen2_vl", "qwen3", "qwen3_5", "qwen3_moe", "qwen3_next", "qwen3_vl", "qwen3_vl_moe", "seed_oss",
    "smollm3", "stablelm", "starcoder2",
})
# fmt: on


def check(view: View) -> Iterator[Found]:
    yield from _role(view, MODEL)
    if has_critic(view):
        yield from _role(view, "critic.model")


def _role(view: View, section: str) -> Iterator[Found]:
    path, trust = f"{section}.path", f"{section}.trust_remote_code"
    if view.value(trust):
        return
    code = _own_code(view, view.text(path))
    if code:
        yield Found(
            f"the model of {section} brings its own code ({code}), and {view.shown(trust)}",
            (trust, path),
            fix=f"{trust}=True",
            why="transformers refuses to load it",
            span=view.span(trust, path),
        )


def _own_code(view: View, name: str) -> str:
    """The file beside config.json that defines an architecture which transformers does not have, "" for none."""
    folder = view.path(name)
    if folder is None or not folder.is_dir():
        return ""
    try:
        config = json.loads(view.files.read(folder / "config.json") or b"{}")
    except (ValueError, RecursionError):
        return ""
    mapped = config.get("auto_map") if isinstance(config, dict) else None
    named = mapped.get("AutoConfig") if isinstance(mapped, dict) else None
    if not isinstance(named, str) or "--" in named or config.get("model_type") in NATIVE:
        return ""
    file = f"{named.partition('.')[0]}.py"
    return file if file in view.files.names(folder) else ""
