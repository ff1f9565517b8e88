"""Write a Qwen2.5 model folder without weights. Run by the environment of real verl, as a file of its own.

usage: qwen_folder.py QWEN_TIKTOKEN CHAT_TEMPLATE FOLDER
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

# Qwen's split pattern: as in GPT-4's, but one digit at a time.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# The ids follow the 151,643 ranks of the vocabulary, in this order.
SPECIAL = """
    <|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|>
    <|quad_start|> <|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|>
"""
PLAIN = """
    <tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|>
    <|file_sep|>
"""
KNOWN_IDS = {
    "Hello": 9707,
    "<|endoftext|>": 151643,
    "<|im_start|>": 151644,
    "<|im_end|>": 151645,
    "<tool_call>": 151657,
}
CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "bos_token_id": 151643,
    "eos_token_id": 151645,
    "hidden_act": "silu",
    "hidden_size": 64,
    "intermediate_size": 128,
    "max_position_embeddings": 32768,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.43.1",
    "vocab_size": 151936,
}
GENERATION = {
    "bos_token_id": 151643,
    "pad_token_id": 151643,
    "eos_token_id": [151645, 151643],
    "do_sample": True,
}


def main(vocabulary: str, template: str, folder: Path) -> None:
    from tokenizers import AddedToken, normalizers
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import TikTokenConverter

    core = TikTokenConverter(vocabulary, PATTERN).converted()
    core.normalizer = normalizers.NFC()
    core.add_tokens(
        [AddedToken(token, normalized=False, special=True) for token in SPECIAL.split()]
        + [AddedToken(token, normalized=False, special=False) for token in PLAIN.split()]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=131072
    )
    tokenizer.save_pretrained(folder)
    shutil.copyfile(template, folder / "chat_template.jinja")
    for name, content in (("config.json", CONFIG), ("generation_config.json", GENERATION)):
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
    read = AutoTokenizer.from_pretrained(str(folder))
    for text, number in KNOWN_IDS.items():
        if read.encode(text, add_special_tokens=False) != [number]:
            sys.exit(f"{text} is {read.encode(text, add_special_tokens=False)}, not {number}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
