"""The values of data_source that verl scores without a function of the user's.

Source: utils/reward_score/__init__.py default_compute_score, the same in 0.7.1, 0.8.0, 0.9.0 and 0.9.1 (:44-107);
tests/real/test_builtin_rewards.py reads it again from each release.
"""

from __future__ import annotations

SOURCES = frozenset(
    {
        "openai/gsm8k",
        "lighteval/MATH",
        "DigitalLearningGmbH/MATH-lighteval",
        "HuggingFaceH4/MATH-500",
        "math_dapo",
        "math",
        "math_dapo_reasoning",
        "numina_aops_forum",
        "numina_synthetic_math",
        "numina_amc_aime",
        "numina_synthetic_amc",
        "numina_cn_k12",
        "numina_olympiads",
        "codecontests",
        "apps",
        "codeforces",
        "taco",
        "hiyouga/geometry3k",
        "searchR1_nq",
        "searchR1_triviaqa",
        "searchR1_popqa",
        "searchR1_hotpotqa",
        "searchR1_2wikimultihopqa",
        "searchR1_musique",
        "searchR1_bamboogle",
    }
)
PREFIXES = ("aime",)


def knows(source: str) -> bool:
    """Whether verl's own reward takes the data_source."""
    return source in SOURCES or source.startswith(PREFIXES)
