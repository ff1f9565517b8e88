"""What a generated spec may say at each place of the language, and the files that it names.

A field of the language without a strategy here is an error, so that a new field cannot go untested.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

# What the generated specs name, to be written beside them.
ROWS = [
    {
        "prompt": [{"role": "user", "content": f"Add {n} to {n}."}],
        "question": f"What is {n} + {n}?",
        "answer": str(2 * n),
        "persona": "Be brief.",
        "state": {"search": {"create_kwargs": {"database": f"db{n}"}}},
        "subject": "sums",
        "calls": n,
        "database": f"db{n}",
    }
    for n in range(4)
]
FILES: Mapping[str, str] = {
    "tools.py": (
        'def calculator(expression: str, database: str = "none") -> str:\n'
        '    """Evaluate an expression.\n\n    Args:\n        expression: Numbers and signs.\n'
        '        database: Where to look.\n    """\n    return expression\n'
    ),
    "search.py": "class SearchTool:\n    pass\n",
    "search.json": json.dumps(
        {
            "type": "function",
            "function": {
                "name": "search",
                "description": "Look something up.",
                "parameters": {
                    "type": "object",
                    "properties": {"query": {"type": "string", "description": "Words."}},
                    "required": ["query"],
                },
            },
        }
    ),
    "reward.py": (
        "def score(data_source, solution_str, ground_truth, extra_info=None, **more):\n    return 1.0\n\n\n"
        "def term(trajectory, scale=1):\n    return scale\n"
    ),
    "mine.py": "class Rows:\n    pass\n\n\nclass Loop:\n    pass\n\n\nclass Manager:\n    pass\n",
    "template.jinja": "{% for m in messages %}{{ m.content }}{% endfor %}",
    "system.md": "Use the tools.\n",
    "rows.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    "more.json": json.dumps(ROWS),
    # Sections without a short form: a child's bare value replaces a parent's mapping, its mapping is merged.
    "parent.yaml": "budget: {epochs: 2}\nrollout: {temperature: 0.9}\ndescription: Of the parent.\n",
}


TEXT = st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=" "),
    min_size=1,
    max_size=12,
) | st.sampled_from(("${HOME}", "a: b", "#1", "no", "1e-6", "~", "'\"", "two\nlines", "-", "\\${x}", "ü 数"))
LINE = TEXT.filter(lambda text: "\n" not in text)
SCALAR = TEXT | st.integers(-(2**40), 2**40) | st.floats(-1e6, 1e6) | st.booleans()
VALUE = SCALAR | st.none() | st.lists(SCALAR, max_size=2) | st.dictionaries(TEXT, SCALAR, max_size=2)
FREE = st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), VALUE, max_size=2)
POWER = st.sampled_from((1, 2, 4, 8, 16))
FEW = st.integers(1, 4)
SEED = st.integers(0, 2**31)
WEIGHT = st.floats(-2, 2).map(lambda x: round(x, 3)) | st.sampled_from((0, 1, -1))
SHARE = st.sampled_from((0.25, 0.5, 0.6, 0.9, 0.95, 1, 1.0))
DURATION = st.sampled_from(("30s", "90m", "12h", "1d12h", "1-00:00:00", "00:30:00", "5 min"))
PATTERN = st.sampled_from((r"#### (-?[0-9]+)", "(?i)answer", r"\\boxed\{(.*)\}"))
FILE = st.sampled_from(("rows.jsonl", "more.json", "row*.jsonl", "./rows.jsonl"))
RATE = st.sampled_from((1e-6, 5e-7, 1e-5, 0.001, 1))


def word(*words: Any) -> Strategy:
    return st.sampled_from(words)


def several(*words: str) -> Strategy:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True)


# Spec path → strategy of a field that is no section (or is more than one): every leaf of the language.
_SOURCE: dict[str, Strategy] = {"path": FILE, "source": word("gsm8k", "math ü")}
_COLUMNS: dict[str, Strategy] = {
    "prompt": word("prompt", "question"),
    "answer": st.just("answer"),
    "system": st.just("persona"),
    "tools_kwargs": st.just("state"),
    "data_source": st.just("subject"),
    "needed_calls": st.just("calls"),
}
_LR: dict[str, Strategy] = {
    "peak": RATE,
    "warmup": st.integers(0, 20) | word("5%", "0.5 %", "100%"),
    "schedule": word("constant", "cosine"),
    "decay": word(0, 0.01, 0.1),
    "clip": word(0.5, 1.0, 1),
}
_TERM: dict[str, Strategy] = {
    "weight": WEIGHT,
    "cap": word(0.5, -0.9),
    "schedule": word([[200, 0.1]], [[1, 0.5], [300, -1]]),
    "between": word("hold", "linear"),
}
_GATED: dict[str, Strategy] = {**_TERM, "only_if": st.just("correct")}
LEAVES: dict[str, dict[str, Strategy]] = {
    "": {
        "toolspec": st.just(1),
        "name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
        "description": TEXT | st.just(""),
        "extends": st.just("parent.yaml"),
        "target": word("verl==0.7.1", "verl==0.8.0", "verl==0.9.1", "0.9.1"),
        "env": st.dictionaries(st.from_regex(r"[A-Z_]{1,9}", fullmatch=True), SCALAR | st.none(), max_size=3)
        | st.lists(st.from_regex(r"[A-Z_]{1,9}", fullmatch=True), max_size=2),
        "sweep": word(
            {"algorithm.entropy": [0.0, 0.01]},
            {"grid": {"algorithm.gamma": [1.0, 0.9]}, "data.seed": [1, 2], "parallel": 4},
            {"zip": {"algorithm.batch": [64, 128], "algorithm.lr": [1e-6, {"peak": 2e-6}]}},
            {"random": {"points": 3, "seed": 1, "over": {"algorithm.entropy": {"uniform": [0, 0.1]}}}},
            {
                "random": {
                    "points": 2,
                    "over": {"algorithm.lr": {"log_uniform": [1e-7, 1e-5]}, "model": ["a/b", "c/d"]},
                }
            },
        ),
        "overrides": st.fixed_dictionaries(
            {},
            optional={
                "actor_rollout_ref.actor.grad_clip": word(0.5, 1),
                "trainer.balance_batch": st.booleans(),
                "trainer.use_v1": st.just(True),  # an unknown key before 0.9.1
                "trainer.experiment_name": st.just("${trainer.project_name}-x"),
                "data": st.just({"dataloader_num_workers": 2}),
            },
        ),
    },
    "model": {
        "path": word(
            *("Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen3-4B", "meta-llama/Llama-3.1-8B-Instruct"),
            *("Qwen/Qwen2.5-3B-Instruct", "Qwen/Qwen2.5-7B-Instruct", "~/models/own"),
        ),
        "revision": word("main", "v1.0", "0123abc"),
        "chat_template": st.just("template.jinja"),
        "tool_format": word("auto", "hermes", "hermes", "qwen3_coder", "gpt-oss"),
        "trust_remote_code": st.booleans(),
        "dtype": word("bfloat16", "float16", "float32"),
        "attention": word("auto", "flash_attention_2", "sdpa", "eager"),
        "thinking": word(True, False, "auto"),
        "max_model_len": word("auto", "auto", 16384),
    },
    "model.lora": {
        "rank": POWER,
        "alpha": word(16, 32),
        "targets": st.just("all-linear") | st.just(["q_proj", "v_proj"]),
    },
    "data": {
        "system": word("system.md", "Use the tools.\nThen answer.", "${x}"),
        "seed": SEED,
        "class": st.just("mine.py:Rows"),
    },
    "data.order": {"by": st.just("answer")},
    "data.columns": _COLUMNS,
    "data.train": _SOURCE,
    "data.train.columns": _COLUMNS,
    "data.val": _SOURCE,
    "data.val.columns": _COLUMNS,
    "data.val.<name>": _SOURCE,
    "data.val.<name>.columns": _COLUMNS,
    "tools.<name>": {
        "python": st.just("tools.py:calculator"),
        "class": word("search.py:SearchTool", "installed_package.tools.Search"),
        "schema": st.just("search.json") | st.just(json.loads(FILES["search.json"])),
        "config": FREE,
        "timeout": DURATION,
        "concurrency": FEW,
        "per_row": st.just({"database": "database"}),
    },
    "reward": {
        "python": word("reward.py:score", "installed_package.reward.score"),
        "kwargs": FREE,
        "clip": word([-1, 2], [0.0, 1.5]),
        "on_error": word(0, -1, 0.5),
        "fault_limit": SHARE,
    },
    "reward.correct": {
        **_TERM,
        "match": word(
            *(
                "exact",
                "number",
                "regex",
                "choice",
                "json",
                "math",
                "qa_em",
                "qa_f1",
                "calls",
                "verl",
                "python",
            )
        ),
        "wrong": word(-1, -0.5, 0),
        "ordered": st.booleans(),
        "ignore_case": st.booleans(),
        "choices": st.sampled_from(["AB", "ABCDEFGHIJ"]),
        "tolerance": word(0, 0.01, 1),
        "pattern": PATTERN,
        "python": st.just("reward.py:score"),
    },
    "reward.valid_call": {**_GATED, "per": word("once", "call", "share")},
    "reward.extra_call": {**_GATED, "free": st.integers(0, 3) | st.just("needed_calls")},
    "reward.bad_call": {**_GATED, **dict.fromkeys(("unknown_tool", "schema", "malformed"), WEIGHT)},
    "reward.format": {**_GATED, "pattern": PATTERN},
    "reward.repeat_call": _GATED,
    "reward.tool_error": {**_GATED, "pattern": PATTERN},
    "reward.used_result": {**_GATED, "by": word("number", "text"), "pattern": PATTERN},
    "reward.length": {
        **_GATED,
        "shape": word("linear", "cosine", "overlong"),
        "of": word("response", "policy"),
        "start": word(0, 16),
        "end": word(200, 4096),
        "buffer": word(1, 64),
    },
    "reward.turns": {**_GATED, "free": st.integers(0, 3)},
    "reward.truncated": {**_GATED, "turns": st.booleans()},
    "reward.forged_result": _GATED,
    "reward.own.<name>": {
        **_GATED,
        "python": word("reward.py:term", "installed_package.reward.term"),
        "kwargs": st.just({"scale": 2}) | st.just({}),
        "timeout": DURATION,
    },
    "algorithm": {
        "name": word("ppo", "grpo", "rloo", "reinforce++", "remax", "dapo", "gspo"),
        "batch": word(16, 32, 64, 128, 100),
        "mini_batch": word(16, 32, 64, 10),
        "updates": word(1, 2, 4, 3),
        "passes": FEW,
        "group": word(1, 2, 4, 8, 5),
        "critic_warmup": st.integers(0, 5),
        "entropy": word(0, 0.001),
        "gamma": word(1, 1.0, 0.95),
        "lambda": word(0, 0.95, 1),
        "normalize": st.booleans(),
        "loss_aggregation": word(
            "token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"
        ),
    },
    "algorithm.lr": _LR,
    "algorithm.critic_lr": _LR,
    "algorithm.clip": {"low": word(0.1, 0.2), "high": word(0.2, 0.28), "dual": word(3, 10.0)},
    "algorithm.filter": {"metric": word("reward", "correct"), "keep": st.just("mixed"), "in_flight": FEW},
    "algorithm.overlong": {"buffer": word(16, 64, 4096), "penalty": word(0.5, 1)},
    "algorithm.kl": {
        "where": word("loss", "reward"),
        "type": word("kl", "abs", "mse", "low_var_kl"),
        "coef": word(0.001, 0.05),
        "schedule": word("fixed", "adaptive"),
        "target": word(0.1, 6),
        "horizon": word(1000, 10000),
    },
    "rollout": {
        "engine": word("sglang", "vllm"),
        "temperature": word(0.6, 1, 1.0),
        "top_p": SHARE,
        "top_k": word(-1, 0, 50),
        "tensor_parallel": word("auto", 1, 2),
        "gpu_memory": word("auto", 0.3, 0.85),
        "parallel_calls": FEW,
        "workers": word("auto", "auto", 1, 2, 8),
        "max_batched_tokens": word("auto", 8192, 65536),
        "max_sequences": word("auto", 64, 1024),
        "eager": st.booleans(),
        "free_cache": st.booleans(),
        "seed": SEED,
        "engine_options": st.dictionaries(word("attention_backend", "dtype_", "x"), VALUE, max_size=2),
    },
    "agent": {
        "name": word("tool_agent", "single_turn"),
        "class": word("mine.py:Loop", "installed_package.Loop"),
        "config": FREE,
        "manager": word("mine.py:Manager", "installed_package.Manager"),
    },
    "train": {
        "trainer": word("auto", "auto", "v0", "v1"),
        "strategy": word("fsdp", "fsdp2"),
        "gradient_checkpointing": st.booleans(),
        "sequence_parallel": word(1, 1, 2),
        "micro_batch": word(1, 2, 4),
        "token_budget": word("auto", 8192, 65536),
        "compile": st.booleans(),
        "seed": SEED,
    },
    "train.offload": {
        "actor": word("none", "params", "optimizer", "all", "auto"),
        "ref": word("none", "params", "all", "auto"),
        "critic": word("none", "params", "optimizer", "all", "auto"),
    },
    "budget": {
        "turns": st.integers(1, 8),
        "rounds": st.integers(0, 6),
        "user_turns": FEW,
        "calls": FEW,
        "prompt_tokens": word(256, 1024, 2048),
        "trajectory_tokens": word(256, 1024, 4096),
        "turn_tokens": word("auto", 128, 2048),
        "tool_response_tokens": word(64, 256),
        "epochs": FEW,
        "steps": word(1, 100),
        "gpu_hours": word(8, 100.5),
    },
    "evaluation": {
        "every": word("never", 1, 20),
        "before_train": st.booleans(),
        "samples": FEW | st.just({"math": 4, "aime25": 2}),
        "temperature": word(0, 0.7, 1),
        "top_p": SHARE,
        "top_k": word(-1, 20),
    },
    "checkpoint": {
        "dir": word("~/checkpoints", "/scratch/run", "here"),
        "every": word("never", 1, 50),
        "keep": word("all", 1, 3),
        "resume": word("auto", "never", "~/run/global_step_100"),
        "contents": several("model", "optimizer", "extra", "hf_model"),
    },
    "tracking": {
        "to": several("console", "wandb", "tensorboard", "mlflow", "file"),
        "project": TEXT,
        "experiment": TEXT,
        "samples": st.integers(0, 9),
        "rollouts": st.booleans(),
        "trace": word("none", "none", "weave", "mlflow"),
    },
    "cluster": {"nodes": word(1, 1, 2), "gpus": word(1, 2, 8), "gpu": word("h100-80gb", "a100-40gb")},
    "cluster.slurm": {
        "partition": LINE,
        "account": LINE,
        "qos": LINE,
        "time": DURATION,
        "constraint": LINE,
        "exclude": LINE,
        "mail": st.just("someone@example.org"),
        "cpus": st.integers(1, 128),
        "memory": word("all", "500GB", "1.5TB"),
        "restarts": st.integers(0, 99),
        "notice": DURATION,
        "extra": st.just({"gres-flags": "enforce-binding", "requeue": True, "nice": 10}),
        "modules": st.lists(TEXT, max_size=2),
        "setup": st.lists(TEXT, max_size=2),
    },
    "cluster.slurm.container": {"image": TEXT, "mounts": st.just(["/data:/data"]), "workdir": TEXT}
    | {"runtime": word("pyxis", "apptainer")},
}
# Words that stand for a whole section, beside its mapping.
WORDS: dict[str, Strategy] = {
    "reward": st.just("tool_calling"),
    "data.order": word("shuffle", "given"),
    "algorithm.filter": st.booleans(),
    "algorithm.overlong": st.just(False),
    "algorithm.kl": word("none", False),
    "algorithm.clip": word(0.2, 0.1),
    "train.offload": word("none", "params", "optimizer", "all", "auto", True, False),
}
NAMES = {
    "tools": word("calculator", "search", "look-up_2"),
    "data.val": word("math", "aime25"),
    "reward.own": word("brief", "polite_2"),
}
