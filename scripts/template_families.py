"""The catalogue of chat templates: hash → family, and what the template does in every probe. No template goes into it.

usage: python scripts/template_families.py FOLDER > backends/verl/chat/template_families.json

FOLDER: `trl/chat_templates` of the unpacked wheel of the package trl. A file's name says whose template it is:
`NAME.jinja`, a later revision of it `NAME_vN.jinja`, trl's own form of it for training `NAME_training.jinja`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from toolspec.backends.verl.chat.quirks import quirks, signature
from toolspec.compiler.chat.folder import template_hash
from toolspec.compiler.chat.process import ChatProcess

SOURCE = "trl 1.16.0, chat_templates"
NAMES = {
    "cohere": "Cohere",
    "cohere2": "Cohere2",
    "deepseek_r1_distill": "DeepSeek-R1-Distill",
    "deepseekv3": "DeepSeek-V3",
    "diffusion_gemma": "DiffusionGemma",
    "gemma": "Gemma 1 and 2",
    "gemma3": "Gemma 3",
    "gemma4": "Gemma 4",
    "glm4moe": "GLM-4-MoE",
    "gptoss": "gpt-oss",
    "idefics3": "Idefics3",
    "lfm2": "LFM2",
    "lfm2_2_5": "LFM2.5",
    "lfm2_2_5_vl": "LFM2.5-VL",
    "llama3": "Llama 3",
    "llama3_1": "Llama 3.1",
    "llama3_2": "Llama 3.2",
    "llava_next": "Llava-Next",
    "muse_glimmer": "Muse Glimmer",
    "nemotron_3_5_lightning": "Nemotron 3.5 Lightning",
    "nemotron_3_nano": "Nemotron 3 Nano",
    "nemotron_3_super": "Nemotron 3 Super",
    "nemotron_3_ultra": "Nemotron 3 Ultra",
    "phi3": "Phi-3",
    "phi3_5": "Phi-3.5",
    "qwen2_5": "Qwen2.5",
    "qwen2_5_vl": "Qwen2.5-VL",
    "qwen3": "Qwen3",
    "qwen3_5_nothink": "Qwen3.5 without thinking",
    "qwen3_5_think": "Qwen3.5",
    "qwen3_6": "Qwen3.6",
    "qwen3_8": "Qwen3.8",
    "qwen3_instruct_2507": "Qwen3-Instruct-2507",
    "qwen3_vl": "Qwen3-VL",
    "smolvlm": "SmolVLM",
}
_FORM = re.compile(r"_training$|_v\d+(?=_training$|$)")


def family(stem: str) -> str:
    """The family of a file by its name. Raises KeyError for one that NAMES lacks."""
    plain = _FORM.sub("", _FORM.sub("", stem))
    return NAMES[plain] + (", trl's form for training" if stem.endswith("_training") else "")


def main(folder: Path) -> None:
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("*.jinja")):
        text = file.read_text("utf-8")
        with ChatProcess() as process:
            process.template(text)
            does = signature(quirks(process))
        found.setdefault(template_hash(text), {"family": family(file.stem), "does": does})
    print('{\n "source": ' + json.dumps(SOURCE) + ',\n "templates": {')
    lines = [
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in sorted(found.items())
    ]
    print(",\n".join(lines) + "\n }\n}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
