"""Secrets: what is one by its name or by its form, where a spec writes one out, and how it is kept from being shown.

A bundle is copied, committed and sent about, and holds the spec. So a secret is named in a spec (`env:
[WANDB_API_KEY]`) and its value stays with the shell that starts the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from toolspec.specs.problem import Problem, Span, nearest_span

SpecPath = tuple[str | int, ...]
CODE, NAME = "TS034", "secret-by-value"
BY_VALUE = "by value"
HIDDEN = "•••"
DOT = "•"

# A variable of the environment: the ending decides. What ends so and holds none is left out.
# Patterns are texts, compiled by `re` when first used: together they take longer than a spec to read.
_VARIABLE = r"(?i).*(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)\d*|.*_(PASS|PWD|AUTH)"
_NO_SECRET = (
    r"(?i)(.*_)?((EOS|BOS|PAD|UNK|SEP|CLS|MASK|STOP|IMAGE|IMPLICIT)_TOKEN|"
    r"(PUBLIC|PRIMARY|FOREIGN|SORT|PARTITION|CACHE|PROMPT|IMAGE|COLUMN)_KEY)|KEY"
)
# A key of a mapping: `eos_token`, `prompt_key` and `max_tokens` are none.
_KEY = (
    r"(?i)(.*_)?(api_?key|access_?key|private_?key|secret_?key|(access|auth|api|hf|bearer|refresh)_?token|"
    r"(client_?)?secret|password|passwd|passphrase|credentials?|authorization)|token"
)
# The forms of well-known secrets; what it is called, and the text. Lengths are the issuers' own or less.
_FORMS: tuple[tuple[str, str], ...] = (
    ("a Hugging Face token", r"hf_(?:[A-Za-z0-9]{20,}|(?=[A-Za-z]*\d)[A-Za-z0-9]{16,})"),
    ("an API key", r"sk-[A-Za-z0-9_-]{16,}"),
    ("a GitHub token", r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}"),
    ("a GitLab token", r"glpat-[A-Za-z0-9_-]{16,}"),
    ("an AWS access key", r"(?:AKIA|ASIA)[0-9A-Z]{16}"),
    ("a Google API key", r"AIza[A-Za-z0-9_-]{30,}"),
    ("a Slack token", r"xox[abeprs]-[A-Za-z0-9-]{10,}"),
    ("a package registry's token", r"npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{50,}"),
    ("a JSON web token", r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+"),
    ("a bearer token", r"[Bb]earer +[A-Za-z0-9._~+/-]{16,}=*"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    (
        "a password in an address",
        r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@\"']{0,99}:(?!\$)[^\s/@\"']{1,200}@",
    ),
)
_FORM = r"(?<![A-Za-z0-9])(?:" + "|".join(f"({form})" for _, form in _FORMS) + ")"
# One of these is in every text that has one of the forms.
_MARKS = (
    *(
        "hf_",
        "sk-",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "AKIA",
        "ASIA",
        "AIza",
        "xox",
    ),
    *("npm_", "pypi-", "eyJ", "earer ", "PRIVATE KEY", "://"),
)
_BEGIN, _END = "-----BEGIN ", "-----END "
# What stands for a secret and is none: a switch, a placeholder (`<key>`, `your_key`, that of local servers), a
# variable, the name of one, a file.
_PLAIN = (
    r"(?i:|\d|true|false|yes|no|on|off|none|null|empty|dummy|unused|placeholder|changeme|x{3,}|\*+|\.\.\.|…"
    r"|<[^<>]*>|.*your[-_ ].*)"
    r"|\$\{[^{}]*\}|\$\w+|[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|(~|\.{1,2})/[\w./-]+|/([\w.-]+/)+[\w.-]+"
)
# Of a name that ends in KEY or TOKEN, which a column, a metric and a number of tokens have too: a short number, a
# short word, a mark of a chat template.
_NO_KEY = r"\d{1,7}|[a-z]{1,15}|[a-z]+(_[a-z]+){1,4}|<[^<>]+>|\[[A-Z_]+\]"
_WORD = r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)[\"']?"
_ASSIGNED = rf"(?<![A-Za-z0-9_]){_WORD}(?P<sign> *[:=] *)"
_VALUE = r"\[[^\]]*\]?|\"[^\"]*\"?|'[^']*'?|[^\s,}\]#\"'{\[][^\s,}\]]*"
_OPENED = rf"(?P<indent>\s*(?:- +)?)[\"']?{_WORD} *: *([|>][+-]?\d?)? *(#.*)?"
LOOK_BACK = 200  # lines before the shown one in which a block may have begun
LONGEST_NAME = 200

# Mappings whose keys are the writer's own, by spec path (`*` is any key).
_FREE: tuple[tuple[str, ...], ...] = (
    ("env",),
    ("overrides",),
    ("sweep",),
    ("tools", "*", "config"),
    ("reward", "kwargs"),
    ("agent", "config"),
    ("rollout", "engine_options"),
    ("cluster", "slurm", "extra"),
)
_INSTEAD: Mapping[str, str] = {
    "env": "write the name alone, `env: [{name}]` or `{name}:`; the shell that starts the run passes its value on",
    "overrides": "write `${{oc.env:NAME}}`, and `env: [NAME]`",
    "": "write `env: [NAME]`, and read the variable where the run needs it (os.environ)",
}


def is_secret(name: str, value: Any, *, variable: bool) -> bool:
    """Whether `value` is a secret by the name that it has. variable: of the environment, not a key of a mapping."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return False
    if not _is_name(name, variable=variable) or re.fullmatch(_PLAIN, text := str(value).strip()):
        return False
    return not (variable and re.search(r"(?i)(KEY|TOKEN)\d*$", name) and re.fullmatch(_NO_KEY, text))


def _is_name(name: str, *, variable: bool) -> bool:
    rule = _VARIABLE if variable or name.isupper() else _KEY
    return len(name) <= LONGEST_NAME and bool(re.fullmatch(rule, name) and not re.fullmatch(_NO_SECRET, name))


def _unexpanded(name: str, value: Any) -> bool:
    """`HF_TOKEN: $HF_TOKEN`: values of `env` are quoted in launch.sh, so the run would get these very characters."""
    return isinstance(value, str) and value.startswith("$") and _is_name(name, variable=True)


def _assigned(text: str) -> Iterator[tuple[re.Match[str], int, int]]:
    """`NAME: value` and `NAME=value` in a text, for names of secrets: the name's match, start and end of the value."""
    at = 0
    while found := re.compile(_ASSIGNED).search(text, at):
        at = found.end()
        if not _is_name(found["name"], variable=found["name"].isupper()):
            continue
        value = re.compile(_VALUE).match(text, at)
        if value is not None:
            at = value.end()
            if not re.fullmatch(_PLAIN, value[0].strip("\"'")):
                yield found, value.start(), at


def form_of(text: str) -> str:
    """What a text holds by its form (`a GitHub token`); "" for any other text."""
    found = _form(text)
    return _FORMS[found.lastindex - 1][0] if found is not None and found.lastindex else ""


@lru_cache(maxsize=4096)  # the keys of a language are the same in each file
def _form(text: str) -> re.Match[str] | None:
    return re.search(_FORM, text) if any(mark in text for mark in _MARKS) else None


def secrets_in(
    value: Any, spans: Mapping[SpecPath, Span], key_spans: Mapping[SpecPath, Span], lines: Sequence[str] = ()
) -> Iterator[Problem]:
    """An error for every secret that a parsed file writes out, comments of `lines` among them; none quotes it."""
    seen: set[str] = set()
    for path, what, text in _found(value, (), variable=False):
        at_key = text == path[-1] and what != BY_VALUE
        span = nearest_span(key_spans if at_key else spans, path) or nearest_span(spans, path)
        seen |= {found[0] for found in (_form(text),) if found is not None}
        yield _problem(path[:-1] if at_key else path, what, span)
    file = next(iter(spans.values())).file if spans else ""
    for number, line in enumerate(lines, start=1):
        found = _form(line)
        if found is not None and found[0] not in seen:
            span = Span(file, number, found.start() + 1, found.end() - found.start())
            yield _problem((), form_of(line), span)


def _problem(path: SpecPath, what: str, span: Span | None) -> Problem:
    dotted = ".".join(str(part) for part in path)
    if what == BY_VALUE:
        message = f"`{dotted}` is given by value"
    else:
        message = f"`{dotted}` holds {what}" if path else f"here stands {what}"
    root = str(path[0]) if path else ""
    name = str(path[1]) if root == "env" and len(path) > 1 and isinstance(path[1], str) else "NAME"
    why = "the bundle holds the spec, and goes where the run goes"
    fix = _INSTEAD.get(root, _INSTEAD[""]).format(name=name)
    return Problem(CODE, NAME, message, span, dotted, why, fix)


def _found(value: Any, path: SpecPath, *, variable: bool) -> Iterator[tuple[SpecPath, str, str]]:
    """(path, what, text) of each secret at or below `path`; of one that is a key, the text is the key."""
    if isinstance(value, dict):
        for key, below in value.items():
            here = (*path, key)
            if what := form_of(str(key)):
                yield here, what, str(key)
            name = str(key).rpartition(".")[2]
            in_env = path[:1] == ("env",) or (path[:1] == ("sweep",) and str(key).startswith("env."))
            drawn = below.get("choice") if path[:1] == ("sweep",) and isinstance(below, dict) else None
            values = below if isinstance(below, list) else drawn if isinstance(drawn, list) else [below]
            if _free(here) and any(
                is_secret(name, item, variable=in_env) or (in_env and _unexpanded(name, item))
                for item in values
            ):
                yield here, BY_VALUE, str(below)
            else:
                yield from _found(below, here, variable=in_env)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _found(item, (*path, number), variable=variable)
    elif isinstance(value, str):
        if what := form_of(value):
            yield path, what, value
        elif path[:1] in (("env",), ("cluster",)) and any("=" in n["sign"] for n, *_ in _assigned(value)):
            yield path, "a secret by value", value


@lru_cache(maxsize=4096)  # the specs of a folder have the same paths
def _free(path: SpecPath) -> bool:
    """Whether the key at the end of `path` is the writer's own."""
    return any(
        len(path) > len(root) and all(want in ("*", part) for want, part in zip(root, path, strict=False))
        for root in _FREE
    )


def told_apart(secrets: Sequence[Problem], others: Sequence[Problem]) -> tuple[Problem, ...]:
    """All problems, less those of the places of the secrets, whose messages may quote them."""
    paths = [problem.path for problem in secrets if problem.path]
    kept = (p for p in others if not any(_related(p.path, path) for path in paths))
    return (*secrets, *(p._replace(message=masked(p.message), fix=masked(p.fix)) for p in kept))


def _related(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def masked(text: str) -> str:
    """A text with a dot for each character of what is a secret by its form, or by the name before it."""

    shown = re.sub(_FORM, lambda found: DOT * len(found[0]), text)
    for _, start, end in _assigned(text):
        shown = shown[:start] + re.sub(r"[^\"']", DOT, shown[start:end]) + shown[end:]
    return shown


def masked_line(lines: Sequence[str], number: int, spans: Sequence[Span] = ()) -> str:
    """Line `number` (from 1) as it may be shown: as long as it is, and dots for secrets.

    spans: places on that line which are known to hold one. Blocks that begin above it are seen up to LOOK_BACK lines.
    """
    line = lines[number - 1]
    if _in_block(lines, number):
        return re.sub(r"\S", DOT, line)
    shown = masked(line)
    for span in spans:
        start, end = span.column - 1, span.column - 1 + span.length
        shown = shown[:start] + re.sub(r"\S", DOT, shown[start:end]) + shown[end:]
    return shown


def _in_block(lines: Sequence[str], number: int) -> bool:
    """Whether a line is inside a private key, or inside the block that is the value of a secret's name."""
    key, indent = False, -1
    for line in lines[max(0, number - 1 - LOOK_BACK) : number]:
        begins = _BEGIN in line and "PRIVATE KEY" in line
        inside = key or begins or (indent >= 0 and _depth(line) > indent)
        if not inside and line.strip():
            opened = re.fullmatch(_OPENED, line)
            is_name = opened is not None and _is_name(opened["name"], variable=opened["name"].isupper())
            indent = len(opened["indent"]) if opened is not None and is_name else -1
        key = (key or begins) and _END not in line
    return inside


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" ")) if line.strip() else 1 << 30


def without_secrets(value: Any, key: str = "") -> Any:
    """`value` with HIDDEN for every text that is a secret by its form or by the name above it (`key`, dotted)."""
    if isinstance(value, dict):
        return {name: without_secrets(item, str(name)) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(without_secrets(item, key) for item in value)
    if not isinstance(value, str):
        return value
    name = key.rpartition(".")[2]
    return HIDDEN if form_of(value) or is_secret(name, value, variable=False) else value
