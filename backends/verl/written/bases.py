"""Configs of verl that a defaults list or a command may name, with the engine that they bring."""

from __future__ import annotations

from collections.abc import Mapping

PRIMARY = "ppo_trainer"
BASES: Mapping[str, str] = {PRIMARY: "dp", "ppo_megatron_trainer": "megatron"}
