"""`$((…))`: whole numbers, variables and the operators that scripts use; anything else is unknown."""

from __future__ import annotations

import re
from collections.abc import Callable

from toolspec.backends.verl.written.value import Unknown

_TOKEN = re.compile(r"\s*(?:(\d+)|\$?\{?([A-Za-z_]\w*)\}?|(\*\*|<<|>>|[-+*/%()<>]))")
_LIMIT = 1 << 63
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "**": 3}
DEEPEST = 8  # a variable may hold an expression; bash follows it
LONGEST = 500


def only_calculation(text: str) -> str | None:
    """What stands in `$((…))` where that is the whole text: the grammar reads it as commands in `${X:-$((…))}`."""
    inside = text.strip().removeprefix('"').removesuffix('"')
    if not (inside.startswith("$((") and inside.endswith("))")):
        return None
    inside = inside[3:-2]
    open_ = 0
    for character in inside:
        open_ += (character == "(") - (character == ")")
        if open_ < 0:
            return None
    return inside if open_ == 0 else None


def evaluate(text: str, lookup: Callable[[str], str | Unknown], depth: int = 0) -> int | Unknown:
    """The number, or why it is not known. lookup: the text that a variable holds."""
    tokens: list[int | str] = []
    at = 0
    text = text.strip()
    if len(text) > LONGEST:
        return Unknown("it is a long calculation", "$((…))")
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            return Unknown("it is a calculation that is not read", f"$(({text}))")
        number, name, operator = found.groups()
        if number is not None:
            tokens.append(int(number, 8) if re.fullmatch("0[0-7]+", number) else int(number))
        elif name is not None:
            value = _variable(name, lookup, depth)
            if isinstance(value, Unknown):
                return value
            tokens.append(value)
        else:
            tokens.append(operator)
        at = found.end()
    try:
        return _Calculation(tokens).whole()
    except (ValueError, ZeroDivisionError, IndexError, RecursionError):
        return Unknown("it is a calculation that is not read", f"$(({text}))")


def _variable(name: str, lookup: Callable[[str], str | Unknown], depth: int) -> int | Unknown:
    held = lookup(name)
    if isinstance(held, Unknown):
        return held
    if not held.strip():
        return 0
    if depth > DEEPEST:
        return Unknown(f"`{name}` refers to itself", f"${name}")
    return evaluate(held, lookup, depth + 1)


class _Calculation:
    """Precedence climbing over numbers and operators. Raises ValueError, ZeroDivisionError, IndexError."""

    def __init__(self, tokens: list[int | str]) -> None:
        self.tokens, self.at = tokens, 0

    def whole(self) -> int:
        value = self._binary(0)
        if self.at != len(self.tokens):
            raise ValueError(self.tokens[self.at])
        return value

    def _binary(self, lowest: int) -> int:
        left = self._unary()
        while self.at < len(self.tokens):
            operator = self.tokens[self.at]
            level = _PRECEDENCE.get(operator, 0) if isinstance(operator, str) else 0
            if level <= lowest:
                break
            self.at += 1
            right = self._binary(level - (operator == "**"))
            left = _apply(str(operator), left, right)
        return left

    def _unary(self) -> int:
        token = self.tokens[self.at]
        self.at += 1
        if isinstance(token, int):
            return token
        if token in ("+", "-"):
            return self._unary() * (1 if token == "+" else -1)
        if token != "(":
            raise ValueError(token)
        value = self._binary(0)
        if self.tokens[self.at] != ")":
            raise ValueError(")")
        self.at += 1
        return value


def _apply(operator: str, left: int, right: int) -> int:
    """Division and remainder go towards zero, as in C."""
    value: int
    if operator == "**":
        if not 0 <= right <= 63:
            raise ValueError(right)
        value = left**right
    elif operator in ("/", "%"):
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        value = quotient if operator == "/" else left - right * quotient
    else:
        value = left + right if operator == "+" else left - right if operator == "-" else left * right
    if not -_LIMIT <= value < _LIMIT:
        raise ValueError(value)
    return value
