"""Exact match and F1 of question answering as SQuAD counts them (arXiv 1606.05250, evaluate-v1.1.py).

Normal form: lower case, ASCII punctuation off, the words a, an and the off, blanks to one. Exact match: the same
normal form. F1: the harmonic mean of precision and recall over the words of it, as multisets; 0 without a word in
common.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from typing import Any

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def words(text: Any) -> list[str]:
    """The words of a text's normal form."""
    return _ARTICLES.sub(" ", str(text).lower().translate(_PUNCTUATION)).split()


def exact(answer: str, truth: Any) -> bool:
    """Whether the normal forms are the same; an answer without a word is never right."""
    found = words(answer)
    return bool(found) and found == words(truth)


def f1(answer: str, truth: Any) -> float:
    """0 to 1."""
    found, wanted = words(answer), words(truth)
    common = sum((Counter(found) & Counter(wanted)).values())
    return 2 * common / (len(found) + len(wanted)) if common else 0.0
