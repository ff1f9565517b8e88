"""What a run folder tells: metrics by step, and what was asked against what ran. Nothing of a run is executed."""
