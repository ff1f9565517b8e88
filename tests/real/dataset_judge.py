"""Which rows verl's own RLHFDataset keeps. Run by the real environment's Python, with a wheel on its path.

usage: dataset_judge.py < asked.json > answers.json

asked, a list: `folder` of the model, `template` or null, `files`, `data`: keys of verl's `data` section, `limits`.
answers: for each, and for each limit, the rows that are left, by their column `row`.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import contextlib
import json
import logging
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any


def kept(one: dict[str, Any], cache: str) -> list[list[int]]:
    import verl
    from omegaconf import OmegaConf
    from verl.utils import hf_tokenizer
    from verl.utils.dataset.rl_dataset import RLHFDataset

    config = OmegaConf.load(Path(verl.__file__).parent / "trainer/config/_generated_ppo_trainer.yaml")
    OmegaConf.set_struct(config, False)
    tokenizer = hf_tokenizer(one["folder"], trust_remote_code=False)
    tokenizer.chat_template = one["template"] or tokenizer.chat_template
    found = []
    for limit in one["limits"]:
        own = {"cache_dir": cache, "filter_overlong_prompts_workers": None, "max_prompt_length": limit}
        data = OmegaConf.merge(config, {"data": {**one["data"], **own}}).data
        rows = RLHFDataset(data_files=list(one["files"]), tokenizer=tokenizer, config=data)
        found.append([int(row["row"]) for row in rows.dataframe.select_columns(["row"])])
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as cache:
        import datasets
        from chat_judge import fixed_clock

        fixed_clock()
        logging.disable(logging.CRITICAL)
        datasets.disable_progress_bars()
        datasets.config.HF_DATASETS_CACHE = Path(cache)
        # The name of a cache entry is made by pickling the tokenizer: seconds, for a cache that is thrown away.
        for module in (datasets.fingerprint, datasets.arrow_dataset):
            module.update_fingerprint = lambda *_: datasets.fingerprint.generate_random_fingerprint()
        answers = [kept(one, cache) for one in asked]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
