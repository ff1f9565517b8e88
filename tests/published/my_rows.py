"""A stand-in for a dataset class: read by compile, never run."""

from verl.utils.dataset.rl_dataset import RLHFDataset


class CustomRLHFDataset(RLHFDataset): ...  # type: ignore[misc, unused-ignore]
