"""A local model folder with the real Qwen2.5 tokenizer and chat template, and a tiny qwen2 configuration.

No model hub is asked: the vocabulary comes from the `dashscope` package, the template from `trl`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from real.cache import cached
from real.environment import Environment, download_wheel, real_environment

VOCABULARY = ("dashscope==2.0.2", "dashscope/resources/qwen.tiktoken")
TEMPLATE = ("trl==1.16.0", "trl/chat_templates/qwen2_5.jinja")
WRITER = Path(__file__).with_name("qwen_folder.py")
RANKS = 16_384
IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "vocab_size")


def model_folder(environment: Environment) -> Path:
    """The folder, made on the first call (seconds). Raises Unavailable where pip gets no package."""
    content = {"vocabulary": VOCABULARY, "template": TEMPLATE, "writer": WRITER.read_text(encoding="utf-8")}
    return cached("model", content, lambda unfinished: _build(unfinished, environment))


def short_model_folder(environment: Environment) -> Path:
    """The same with the tokenizer's first RANKS ranks alone: it is loaded in a tenth of the time.

    Special tokens follow them, so that their ids are RANKS and on. Raises Unavailable.
    """
    whole = model_folder(environment)
    content = {"of": whole.name, "cut": Path(__file__).read_text(encoding="utf-8")}
    return cached("short-model", content, lambda unfinished: _cut(whole, unfinished))


def _cut(whole: Path, folder: Path) -> None:
    shutil.copytree(whole, folder, dirs_exist_ok=True)
    tokenizer = json.loads((whole / "tokenizer.json").read_text("utf-8"))
    model, gone = tokenizer["model"], len(tokenizer["model"]["vocab"]) - RANKS
    vocabulary = model["vocab"] = {text: rank for text, rank in model["vocab"].items() if rank < RANKS}
    model["merges"] = [[a, b] for a, b in model["merges"] if {a, b, a + b} <= vocabulary.keys()]
    for token in tokenizer["added_tokens"]:
        token["id"] -= gone
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), "utf-8")
    for name in ("config.json", "generation_config.json"):
        said = json.loads((whole / name).read_text("utf-8"))
        less = {key: _less(said[key], gone) for key in IDS if key in said}
        (folder / name).write_text(json.dumps({**said, **less}), "utf-8")


def _less(ids: int | list[int], gone: int) -> int | list[int]:
    return [each - gone for each in ids] if isinstance(ids, list) else ids - gone


def _build(folder: Path, environment: Environment) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        sources = []
        for requirement, member in (VOCABULARY, TEMPLATE):
            unpacked = download_wheel(
                environment.python, requirement, Path(scratch) / requirement.partition("=")[0]
            )
            sources.append(str(unpacked / member))
        # -I: this folder is not put on the import path
        subprocess.run([environment.python, "-I", str(WRITER), *sources, str(folder)], check=True)


if __name__ == "__main__":
    print(model_folder(real_environment()))
