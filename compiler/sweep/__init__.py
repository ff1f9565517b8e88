"""A sweep as its points: pure, from a loaded spec to named values."""
