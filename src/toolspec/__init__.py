"""toolspec: compile and check experiment specs for tool-calling, multi-turn RL on verl."""

__version__ = "0.1.0"
