"""The rows that a release's own dataset keeps of a bundle. Run by the real environment's Python, verl on the path.

usage: length_judge.py RELEASE < asked.json > answers.json

asked: a list of {bundle, limits}; a limit null is the bundle's own. answers: for each bundle and split `lengths`, the
tokens that the dataset counted, by row, and `kept`: for each limit the `index` of the rows that are left.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import datasets
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf, open_dict
from verl.utils import hf_processor, hf_tokenizer
from verl.utils.config import omega_conf_to_dataclass
from verl.utils.dataset.rl_dataset import get_dataset_class
from verl.utils.tokenizer import normalize_token_ids


def reader(release: str, config: Any) -> tuple[Any, Any]:
    """Tokenizer and processor as the release's trainer hands them to its datasets.

    Source: trainer/main_ppo.py:315 of 0.7.1, :271 of 0.8.0; ppo/v1/trainer_base.py:701-706 of 0.9.1.
    """
    if release == "0.9.1":
        model = omega_conf_to_dataclass(config.actor_rollout_ref.model)
        return model.tokenizer, model.processor
    path = config.actor_rollout_ref.model.path
    return hf_tokenizer(path), hf_processor(path, use_fast=True)


def judged(release: str, bundle: str, limits: list[int | None], cache: str) -> dict[str, Any]:
    os.chdir(bundle)
    sys.path.insert(0, bundle)
    with initialize_config_dir(bundle, version_base=None):
        config = compose("config")
    OmegaConf.resolve(config.data)
    with open_dict(config):
        config.data.cache_dir = cache
        config.data.filter_overlong_prompts_workers = None  # filter in this process
    tokenizer, processor = reader(release, config)
    rendered = tokenizer.apply_chat_template
    counted: list[int] = []

    def counting(*arguments: Any, **options: Any) -> Any:
        ids = rendered(*arguments, **options)
        counted.append(len(normalize_token_ids(ids)))
        return ids

    tokenizer.apply_chat_template = counting
    own = config.data.max_prompt_length
    found: dict[str, Any] = {}
    for split in ("train", "val"):
        kept = []
        for limit in limits:
            counted.clear()
            with open_dict(config):
                config.data.max_prompt_length = limit or own
            files = config.data[f"{split}_files"]
            made = get_dataset_class(config.data)(
                data_files=files, tokenizer=tokenizer, processor=processor, config=config.data
            )
            kept.append([extra["index"] for extra in made.dataframe["extra_info"]])
        found[split] = {"lengths": list(counted), "kept": kept}
    sys.path.remove(bundle)
    return found


def main() -> None:
    # The name of a cache entry is made by pickling the tokenizer: seconds, for rows that must be counted anew.
    for module in (datasets.fingerprint, datasets.arrow_dataset):
        module.update_fingerprint = lambda *_: datasets.fingerprint.generate_random_fingerprint()
    answers = []
    stdout, sys.stdout = sys.stdout, sys.stderr  # the datasets print
    with tempfile.TemporaryDirectory() as cache:
        for asked in json.load(sys.stdin):
            bundle = str(Path(asked["bundle"]).resolve())
            reading, writing = os.pipe()
            if os.fork() == 0:  # modules of a bundle have the names of every bundle's
                with os.fdopen(writing, "w") as stream:
                    json.dump(judged(sys.argv[1], bundle, asked["limits"], cache), stream)
                os._exit(0)
            os.close(writing)
            with os.fdopen(reading) as stream:
                answers.append(json.loads(stream.read() or "null"))
            os.wait()
    stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main()
