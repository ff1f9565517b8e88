"""A local model folder with the real Qwen2.5 tokenizer and chat template, and a tiny qwen2 configuration.

No model hub is asked: the vocabulary comes from the `dashscope` package, the template from `trl`.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from real.cache import cached
from real.environment import Environment, download_wheel, real_environment

VOCABULARY = ("dashscope==2.0.2", "dashscope/resources/qwen.tiktoken")
TEMPLATE = ("trl==1.16.0", "trl/chat_templates/qwen2_5.jinja")
WRITER = Path(__file__).with_name("qwen_folder.py")


def model_folder(environment: Environment) -> Path:
    """The folder, made on the first call (seconds). Raises Unavailable where pip gets no package."""
    content = {"vocabulary": VOCABULARY, "template": TEMPLATE, "writer": WRITER.read_text(encoding="utf-8")}
    return cached("model", content, lambda unfinished: _build(unfinished, environment))


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
