"""Prompts are rendered and encoded as transformers does it: the same text, the same ids, or a refusal by both."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from real.conversations import CONVERSATIONS, TOOLS, VARIABLES
from real.environment import Environment
from real.templates import templates
from real.tokenizer import RANKS, short_model_folder
from toolspec.compiler.chat.folder import read_chat_folder
from toolspec.compiler.chat.process import ChatProcess, Failure

pytestmark = pytest.mark.real

JUDGE = Path(__file__).with_name("chat_judge.py")
Case = tuple[str | None, Any, Any, bool, dict[str, Any]]


def judged(environment: Environment, asked: list[tuple[Path, list[Case]]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [environment.python, JUDGE],
        input=json.dumps([{"folder": str(folder), "cases": cases} for folder, cases in asked]),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def rendered(folder: Path, cases: list[Case]) -> list[Any]:
    """The same answers by toolspec. Neighbours that differ in their messages alone are one request."""
    read = read_chat_folder(folder)
    found: list[Any] = []
    with ChatProcess() as process:
        process.tokenizer(read)
        for (template, tools, generation, variables), group in itertools.groupby(
            cases, lambda one: (one[0], *one[2:])
        ):
            rows = [messages for _, messages, *_ in group]
            text = template if template is not None else read.template(tools is not None)
            if text is None:
                found += ["ValueError"] * len(rows)
                continue
            process.template(text)
            names = {**read.variables, **variables}
            texts, ids, counts = (
                process.rows(what, rows, tools, generation, names) for what in ("render", "ids", "counts")
            )
            for one, its, count in zip(texts, ids, counts, strict=True):
                assert isinstance(one, Failure) or count == len(its)
                found.append(one.kind if isinstance(one, Failure) else [one, its])
    return found


def test_every_template_renders_as_in_transformers(environment: Environment) -> None:
    known = templates(environment)
    assert len(known) >= 70
    choices = list(itertools.product(TOOLS.items(), (True, False), VARIABLES, CONVERSATIONS.items()))
    cases: list[Case] = []
    names = []
    for number, (name, template) in enumerate(known.items()):
        for place, ((with_tools, tools), generation, variables, (said, messages)) in enumerate(choices):
            # Half of the conversations and with a thinking switch a sixth, others for each template.
            if (place + number) % (6 if variables else 2):
                continue
            names.append((name, said, with_tools, generation, variables))
            cases.append((template, messages, tools, generation, variables))
    real = judged(environment, [(short_model_folder(environment), cases)])[0]["cases"]
    mine = rendered(short_model_folder(environment), cases)
    differing = [(name, ours, its) for name, ours, its in zip(names, mine, real, strict=True) if ours != its]
    assert not differing, (len(differing), differing[:3])
    refused = sum(isinstance(its, str) for its in real)
    assert 0.03 < refused / len(real) < 0.5, refused


PLAIN = {
    "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>",
    "tokenizer_class": "PreTrainedTokenizerFast",
}
NAMES = "{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ unk_token }}|{{ image_token }}|"
FOLDERS: dict[str, dict[str, Any]] = {
    "no pad": {"tokenizer_config.json": {"eos_token": "<|im_end|>"}, "chat_template.jinja": NAMES},
    "no special tokens": {"tokenizer_config.json": {}, "chat_template.jinja": NAMES},
    "template inside": {"tokenizer_config.json": {**PLAIN, "chat_template": NAMES}},
    "templates inside": {
        "tokenizer_config.json": {
            **PLAIN,
            "chat_template": [
                {"name": "default", "template": "D" + NAMES},
                {"name": "tool_use", "template": "T"},
            ],
        }
    },
    "no default": {
        "tokenizer_config.json": {**PLAIN, "chat_template": [{"name": "rag", "template": "R"}]},
    },
    "template beside": {
        "tokenizer_config.json": {**PLAIN, "chat_template": "inside"},
        "chat_template.jinja": "beside" + NAMES,
    },
    "templates beside": {
        "tokenizer_config.json": PLAIN,
        "chat_template.jinja": "default",
        "additional_chat_templates/tool_use.jinja": "tools",
    },
    "none": {"tokenizer_config.json": PLAIN},
    "processor's": {"tokenizer_config.json": PLAIN, "chat_template.json": {"chat_template": "P"}},
    "mappings": {
        "tokenizer_config.json": {
            **PLAIN,
            "bos_token": {
                "__type": "AddedToken",
                "content": "<|start|>",
                "lstrip": True,
                "normalized": False,
            },
            "image_token": "<|image_pad|>",
        },
        "chat_template.jinja": NAMES + "a <|start|> b{{ messages[0].content }}",
    },
    "added tokens": {
        "tokenizer_config.json": {
            **PLAIN,
            "added_tokens_decoder": {
                "151700": {
                    "content": "<x>",
                    "lstrip": True,
                    "rstrip": True,
                    "normalized": False,
                    "special": True,
                },
                "151701": {"content": "Hello", "single_word": True, "normalized": True, "special": False},
            },
        },
        "chat_template.jinja": "a <x> b Hello Helloworld <|im_start|>" + NAMES,
    },
    "special tokens map": {
        "tokenizer_config.json": {},
        "special_tokens_map.json": {
            "bos_token": "<|b|>",
            "eos_token": {"content": "<|im_end|>", "lstrip": False},
        },
        "chat_template.jinja": NAMES + "<|b|> x",
    },
    "extra tokens": {
        "tokenizer_config.json": {**PLAIN, "extra_special_tokens": {"image_token": "<|image_pad|>"}},
        "chat_template.jinja": NAMES,
    },
    "extra tokens without names": {
        "tokenizer_config.json": {**PLAIN, "additional_special_tokens": ["<|more|>", "Hello"]},
        "chat_template.jinja": NAMES + "<|more|> Hello Helloworld",
    },
    "extra tokens in the map": {
        "tokenizer_config.json": {"eos_token": "<|im_end|>"},
        "special_tokens_map.json": {"additional_special_tokens": ["<|more|>"]},
        "chat_template.jinja": NAMES + "<|more|> x",
    },
}


def odd_tokenizer(base: dict[str, Any]) -> dict[str, Any]:
    """Another way of splitting words, and fewer added tokens than the class's own tokenizer would have."""
    kept = [token for token in base["added_tokens"] if token["id"] < RANKS + 17]
    pre = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {**base, "normalizer": {"type": "Lowercase"}, "pre_tokenizer": pre, "added_tokens": kept}


CLASSES: tuple[tuple[str, str | None], ...] = (
    ("llama", "LlamaTokenizerFast"),
    ("code_llama", None),
    ("gpt2", None),
    ("gpt_neox", "GPTNeoXTokenizerFast"),
    ("cohere2", "CohereTokenizer"),
    ("qwen2", None),
    ("qwen2", "LlamaTokenizerFast"),
    ("qwen3", "Qwen2Tokenizer"),
    ("qwen3", "PreTrainedTokenizerFast"),
    ("qwen3_5", None),
    ("qwen3_5", "Qwen2TokenizerFast"),
    ("deepseek_v3", "LlamaTokenizerFast"),
    ("mistral", "PreTrainedTokenizer"),
)
OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("llama", "LlamaTokenizer", {"add_prefix_space": True, "legacy": True}),
    ("llama", "LlamaTokenizer", {"add_prefix_space": None, "legacy": False}),
    ("llama", "LlamaTokenizer", {"add_prefix_space": False}),
    ("gpt2", "GPT2Tokenizer", {"add_prefix_space": True}),
    ("cohere2", "CohereTokenizer", {"add_prefix_space": True}),
    ("qwen2", "Qwen2Tokenizer", {"add_prefix_space": True}),
)
"""Keys of tokenizer_config.json by which some classes make their parts."""


def write_folders(parent: Path, base: Path) -> dict[str, Path]:
    """Folders as models have them, of many makes, all with the vocabulary of `base`."""
    config = json.loads((base / "config.json").read_text("utf-8"))
    files = dict(FOLDERS)
    for model_type, name in CLASSES:
        for odd in (False, True):
            files[f"{model_type} {name} {odd}"] = {
                "tokenizer_config.json": {"tokenizer_class": name} if name else {},
                "config.json": {**config, "model_type": model_type},
                "chat_template.jinja": NAMES + "A\u0301 <tool_call> <|im_end|> {{ messages[0].content }}",
                **({"tokenizer.json": odd} if odd else {}),
            }
    for model_type, name, options in OPTIONS:
        files[f"{model_type} {options}"] = {
            "tokenizer_config.json": {"tokenizer_class": name, **options},
            "config.json": {**config, "model_type": model_type},
            "chat_template.jinja": NAMES + "a<|im_end|>b {{ messages[0].content }}",
        }
    made = {}
    tokenizer = json.loads((base / "tokenizer.json").read_text("utf-8"))
    (parent / "odd.json").write_text(json.dumps(odd_tokenizer(tokenizer)), "utf-8")
    for number, (said, content) in enumerate(files.items()):
        folder = made[said] = parent / str(number)
        folder.mkdir()
        for plain in ("tokenizer.json", "config.json"):
            if plain not in content:
                (folder / plain).symlink_to(base / plain)
        for file, text in content.items():
            if text is True:
                (folder / file).symlink_to(parent / "odd.json")
                continue
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(text if isinstance(text, str) else json.dumps(text), "utf-8")
    return made


def test_a_folder_is_read_as_by_autotokenizer(environment: Environment, tmp_path: Path) -> None:
    cases: list[Case] = [
        (None, CONVERSATIONS[said], TOOLS[tools], True, {})
        for said in ("user", "blanks", "turns")
        for tools in ("none", "empty", "one")
    ]
    made = write_folders(tmp_path, short_model_folder(environment))
    real = judged(environment, [(folder, cases) for folder in made.values()])
    for (name, folder), its in zip(made.items(), real, strict=True):
        assert dict(read_chat_folder(folder).variables) == its["tokens"], name
        assert rendered(folder, cases) == its["cases"], name
