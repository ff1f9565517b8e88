"""A model for which verl does not know how turns are joined.

From 0.9.0 on the agent loop puts the tokens of tool responses behind those of the policy by a builder that it chooses
by the exact `model_type` of config.json. For any other type it takes a plain one, which leaves out what the template
writes between the policy's last token and the next turn: in ChatML the newline after `<|im_end|>`.

Why: what is trained differs from what the template renders when the model is used.
Source: utils/tokenizer/continuous_token_wiring.py _MODEL_TYPE_TO_FAMILY and QwenContinuousTokenBuilder of 0.9.1
(0.7.1 and 0.8.0 leave the newline out for every model)
Bad (verl 0.9.1):
    actor_rollout_ref.model.path=chatml
    --- chatml/config.json
    {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 8192}
    --- chatml/tokenizer_config.json
    {"chat_template": "{{ tools }} <tool_call> 'arguments' {{ messages }}<|im_end|>"}
Good (verl 0.9.1):
    actor_rollout_ref.model.path=model
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.agent_loop.builders import BUILDERS
from toolspec.backends.verl.lint.derived import MODEL, ROLLOUT, TOOL_LOOP, names_tools
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS322", "chat-tokens", "warning")


def check(view: View) -> Iterator[Found]:
    if not view.at_least("0.9.0") or not names_tools(view):
        return
    if view.text(f"{ROLLOUT}.agent.default_agent_loop") != TOOL_LOOP:
        return
    facts = view.facts.model()
    if facts.model_type is None or facts.model_type in BUILDERS:
        return
    template = view.facts.template()
    if "<|im_end|>" in template.text:
        yield Found(
            f"verl {view.version} has no builder of chat tokens for model_type `{facts.model_type}`: the newline after "
            "<|im_end|> is left out before tool responses",
            (f"{MODEL}.path", template.key),
            fix="a model whose type verl knows, or an agent loop of your own",
            why="what is trained differs from what the chat template renders",
        )
