"""What the stand-in does in place of training."""
