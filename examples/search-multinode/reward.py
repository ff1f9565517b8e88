"""Exact match over several accepted answers, blanks, case, articles and punctuation apart."""

import re
import string
from typing import Any

ARTICLES = re.compile(r"\b(a|an|the)\b")
ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


def normal(text: str) -> str:
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(ARTICLES.sub(" ", kept).split())


def compute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Any = None, **kwargs: Any
) -> dict[str, float]:
    """1 where the last <answer> is one of the accepted answers, else 0."""
    accepted = ground_truth["target"] if isinstance(ground_truth, dict) else ground_truth
    accepted = [accepted] if isinstance(accepted, str) else list(accepted)
    found = ANSWER.findall(solution_str)
    right = bool(found) and normal(found[-1]) in {normal(str(answer)) for answer in accepted}
    return {"score": float(right), "answered": float(bool(found))}
