"""Rules run over what a run of verl is given: what would crash late, waste the run or silently train something else."""
