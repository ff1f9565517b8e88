r"""Comparisons of a text answer with an accepted one: same text, a pattern's find, a choice letter.

Patterns come from the spec, texts from the policy. They run with the `regex` module (a dependency of verl)
under a time limit, since a pattern with nested repeats can take for ever on a hostile text; without `regex`,
with `re` and no limit. A text that takes longer is no match: as a fault it would pay `on_error`, and the policy
could have that by what it writes.
"""

from __future__ import annotations

import re
from typing import Any

from ts_number import marked

SECONDS = 2.0


class Pattern:
    """A compiled pattern of the spec. Raises `re.error` when it does not compile."""

    def __init__(self, source: str) -> None:
        re.compile(source)
        self.timeout: dict[str, float] = {}
        try:
            import regex
        except ImportError:
            self.compiled: Any = re.compile(source)
        else:
            self.compiled = regex.compile(source)
            self.timeout = {"timeout": SECONDS}

    def last(self, text: str) -> str | None:
        """First group (else the whole) of the last match, None without one or after 2 s."""
        found: str | None = None
        try:
            for match in self.compiled.finditer(text, **self.timeout):
                found = (match.group(1) or "") if self.compiled.groups else match.group()
        except TimeoutError:
            return None
        return found

    def occurs(self, text: str) -> bool:
        """Whether it matches anywhere, found within 2 s."""
        try:
            return self.compiled.search(text, **self.timeout) is not None
        except TimeoutError:
            return False


def folded(value: Any, ignore_case: bool = False) -> str:
    """The text with outer blanks off and inner runs of white space as one blank."""
    text = " ".join(str(value).split())
    return text.casefold() if ignore_case else text


def same_text(answer: Any, truth: Any, ignore_case: bool = False) -> bool:
    """Whether two texts are the same but for blanks; an empty answer is never right."""
    left = folded(answer, ignore_case)
    return bool(left) and left == folded(truth, ignore_case)


def choice(text: str, letters: str = "ABCDE", last: bool = True) -> str | None:
    r"""The last (or first) letter that stands alone, upper case: `B`, `(B)`, `B.`, `**B**`.

    Where a `\boxed{}` or `####` stands, only what it holds counts, and there a lower-case letter too.
    """
    inside = marked(text)
    shown = "".join(re.escape(letter) for letter in letters)
    flags = 0 if inside is None else re.IGNORECASE
    found = re.findall(
        rf"(?<![A-Za-z0-9_'’\\])([{shown}])(?![A-Za-z0-9_'’])", text if inside is None else inside, flags
    )
    if not found:
        return None
    return str(found[-1] if last else found[0]).upper()


def same_choice(answer: str, truth: Any, letters: str = "ABCDE") -> bool:
    """Whether the answer's letter is that of the accepted answer (`B`, `b`, `(B)` or `B. text`)."""
    letters = letters.upper()
    wanted = str(truth).strip()
    expected = wanted.upper() if len(wanted) == 1 else choice(wanted, letters, last=False)
    return expected is not None and choice(answer, letters) == expected
