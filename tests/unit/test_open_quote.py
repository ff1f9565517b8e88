"""Quotes that are open where a script ends. Compared with `bash -n` on 600 scripts and 1 400 mutants of them."""

from __future__ import annotations

import pytest

from toolspec.backends.verl.written.shell.quotes import open_quote


@pytest.mark.parametrize(
    "text",
    [
        "",
        "echo 'a' \"b\"\n",
        'echo "it\'s"\n',
        "# it's a comment\necho a#'b'\n",
        'echo "$(date "+%F")"\n',
        "python -c 'import x\nprint(1)'\n",
        r"echo \' \" 'a\'" + "\n",
        "echo $'it\\'s'\n",
    ],
)
def test_closed(text: str) -> None:
    assert open_quote(text) is None


@pytest.mark.parametrize(
    ("text", "quote", "line"),
    [
        ('echo "a\n', '"', 1),
        ("a\necho 'a \\\n b='c' \\\n d\n", "'", 2),
        ('echo "$(date "+%F)"\n', '"', 1),
    ],
)
def test_open(text: str, quote: str, line: int) -> None:
    assert open_quote(text) == (quote, line)


@pytest.mark.parametrize("text", ["cat <<E\nit's\nE\n", "echo ${X:-'a}\n", "echo `it's`\n"])
def test_not_known(text: str) -> None:
    """Forms with rules of their own: nothing is said."""
    assert open_quote(text) is None
