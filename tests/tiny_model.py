"""A model's folder without weights whose tokenizer is a few hundred entries: no download, milliseconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from toolspec.compiler.chat.tokenizer_file import LETTERS

MERGES = ("h e", "t he", "Ġ t", "Ġt he", "i n", "e r", "o u", "i s", "Ġ a", "l l", "Ġ {", '" :')
MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
PLAIN = ("<tool_call>", "</tool_call>")

CHATML = """\
{%- if tools %}<|im_start|>system
{{ messages[0].content if messages[0].role == "system" else "" }}
# Tools
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}<|im_end|>
{% elif messages[0].role == "system" %}<|im_start|>system
{{ messages[0].content }}<|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == "tool" %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% elif message.role in ("user", "assistant") %}<|im_start|>{{ message.role }}
{{ message.content or "" }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

CONFIG = {
    "architectures": ["MistralForCausalLM"],
    "model_type": "mistral",
    "hidden_size": 64,
    "intermediate_size": 128,
    "max_position_embeddings": 4096,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "vocab_size": 300,
}


def tokenizer_json(**more: Any) -> dict[str, Any]:
    """tokenizer.json of a BPE over bytes; more: parts in place of its own."""
    vocabulary = {letter: number for number, letter in enumerate(LETTERS)}
    for merge in MERGES:
        vocabulary.setdefault(merge.replace(" ", ""), len(vocabulary))
    added = [
        {
            "id": len(vocabulary) + number,
            "content": text,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": text in MARKS,
        }
        for number, text in enumerate((*MARKS, *PLAIN))
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": [merge.split(" ") for merge in MERGES]},
        **more,
    }


def write_model(folder: Path, template: str = CHATML, **more: Any) -> Path:
    """Write the folder; more: parts of tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(**more)), "utf-8")
    config = {
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    (folder / "chat_template.jinja").write_text(template, "utf-8")
    return folder
