"""A sound run of verl with a tool: what rule examples are laid over. It has no finding on any release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tiny_model import tokenizer_json

# Arguments of main_ppo; what differs by release follows.
ARGUMENTS = [
    "data.train_files=train.parquet",
    "data.val_files=val.parquet",
    "data.train_batch_size=32",
    "data.max_prompt_length=1024",
    "data.max_response_length=2048",
    "data.filter_overlong_prompts=True",
    "algorithm.adv_estimator=grpo",
    "actor_rollout_ref.model.path=model",
    "actor_rollout_ref.model.enable_gradient_checkpointing=True",
    "actor_rollout_ref.actor.strategy=fsdp2",
    "actor_rollout_ref.actor.optim.lr=1e-6",
    "actor_rollout_ref.actor.ppo_mini_batch_size=32",
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=4",
    "actor_rollout_ref.actor.use_kl_loss=True",
    "actor_rollout_ref.actor.kl_loss_coef=0.001",
    "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=4",
    "actor_rollout_ref.rollout.name=sglang",
    "actor_rollout_ref.rollout.n=8",
    "actor_rollout_ref.rollout.tensor_model_parallel_size=1",
    "actor_rollout_ref.rollout.gpu_memory_utilization=0.5",
    "actor_rollout_ref.rollout.max_model_len=3072",
    "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=4",
    "actor_rollout_ref.rollout.multi_turn.enable=True",
    "actor_rollout_ref.rollout.multi_turn.format=hermes",
    "actor_rollout_ref.rollout.multi_turn.tool_config_path=tools.yaml",
    "actor_rollout_ref.rollout.multi_turn.max_assistant_turns=4",
    "actor_rollout_ref.rollout.multi_turn.max_tool_response_length=512",
    "actor_rollout_ref.rollout.agent.default_agent_loop=tool_agent",
    "reward.custom_reward_function.path=reward.py",
    "reward.custom_reward_function.name=compute_score",
    "trainer.logger=[console]",
    "trainer.project_name=calculator",
    "trainer.experiment_name=grpo",
    "trainer.n_gpus_per_node=8",
    "trainer.nnodes=1",
    "trainer.save_freq=20",
    "trainer.test_freq=10",
    "trainer.max_actor_ckpt_to_keep=3",
    "trainer.total_epochs=10",
]

TOOLS = """\
tools:
  - class_name: tools.Calculator
    config: {type: native}
    tool_schema:
      type: function
      function:
        name: calculator
        description: Evaluate an arithmetic expression.
        parameters:
          type: object
          properties:
            expression: {type: string, description: The expression.}
          required: [expression]
"""
TOOLS_PY = """\
from verl.tools.base_tool import BaseTool
from verl.tools.schemas import ToolResponse


class Calculator(BaseTool):
    async def execute(self, instance_id, parameters, **kwargs):
        return ToolResponse(text="4"), 0.0, {}
"""
REWARD_PY = """\
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    if "Answer: " not in solution_str:
        return {"score": 0.0, "acc": 0.0, "format": 0.0}
    right = solution_str.rsplit("Answer: ", 1)[1].strip() == str(ground_truth)
    return {"score": 1.0 if right else 0.1, "acc": float(right), "format": 1.0}
"""
CHAT_TEMPLATE = """\
{%- if tools %}<|im_start|>system
# Tools
<tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools>
For each call return <tool_call>{"name": <function-name>, "arguments": <args-json-object>}</tool_call><|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
MODEL_CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_size": 2048,
    "intermediate_size": 11008,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
}


def row(number: int) -> dict[str, Any]:
    return {
        "data_source": "calculator",
        "prompt": [
            {"role": "system", "content": "Use the calculator. End with `Answer: ` and the number."},
            {"role": "user", "content": f"What is {number} + 2?"},
        ],
        "reward_model": {"style": "rule", "ground_truth": str(number + 2)},
        "extra_info": {"index": number},
    }


def write_rows(file: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(rows), file)


def write_base(folder: Path) -> None:
    """The files of the sound run."""
    write_rows(folder / "train.parquet", [row(n) for n in range(640)])
    write_rows(folder / "val.parquet", [row(n) for n in range(1000, 1032)])
    (folder / "tools.yaml").write_text(TOOLS, "utf-8")
    (folder / "tools.py").write_text(TOOLS_PY, "utf-8")
    (folder / "reward.py").write_text(REWARD_PY, "utf-8")
    model = folder / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps(MODEL_CONFIG), "utf-8")
    settings = {
        "tokenizer_class": "Qwen2Tokenizer",
        "model_max_length": 131072,
        "chat_template": CHAT_TEMPLATE,
    }
    (model / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    (model / "tokenizer.json").write_text(json.dumps(tokenizer_json()), "utf-8")
