"""Stage `dataset`: the release's dataset class loads the rows."""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

from pathlib import Path

from real.prove.proof import Failed, Proof, Skipped


def dataset(proof: Proof) -> str:
    """The release's dataset class loads the rows, and at least one step fits in an epoch."""
    from omegaconf import open_dict
    from verl.utils.dataset.rl_dataset import get_dataset_class

    paths = {key: proof.files(f"data.{key}_files") for key in ("train", "val")}
    absent = [path for group in paths.values() for path in group if not Path(path).expanduser().is_file()]
    if absent:
        raise Skipped(f"no such file: {', '.join(absent)}")
    with open_dict(proof.config):
        proof.config.data.cache_dir = str(proof.setting.run_dir / "datasets")
        proof.config.data.filter_overlong_prompts_workers = None  # filter in this process
    kind = get_dataset_class(proof.config.data)
    loaded = {
        key: kind(
            data_files=group,
            tokenizer=proof.tokenizer,
            processor=proof.processor,
            config=proof.config.data,
            max_samples=proof.get(f"data.{key}_max_samples", -1),
        )
        for key, group in paths.items()
    }
    batch = int(proof.get("data.train_batch_size"))
    for key, rows in loaded.items():
        if not len(rows):
            raise Failed(f"no {key} row is left")
        for index in {0, len(rows) - 1}:
            prompt = rows[index]["raw_prompt"]
            if not isinstance(prompt, list) or not all(isinstance(m, dict) and "role" in m for m in prompt):
                raise Failed(f"{key} row {index}: the prompt is not a list of messages")
    if len(loaded["train"]) < batch:
        raise Failed(f"{len(loaded['train'])} rows make no batch of {batch}: an epoch has no step")
    proof.rows = loaded["train"]
    counts = {f"{key}_rows": len(rows) for key, rows in loaded.items()}
    proof.facts |= counts | {"steps_per_epoch": len(loaded["train"]) // batch}
    return f"{counts['train_rows']} and {counts['val_rows']} rows"
