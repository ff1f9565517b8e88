"""Runs: how they are started, where they lie, and what can be read of them."""
