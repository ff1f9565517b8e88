"""The pages of rules: what `explain` shows, and docs/rules."""

from __future__ import annotations

import sys

from toolspec.backends.verl.lint.page import Page, parse_page
from toolspec.backends.verl.rules.registry import Loaded


def page_of(loaded: Loaded) -> Page:
    """The page that a rule's docstring is. Raises ValueError where a part of it is missing."""
    return parse_page(sys.modules[loaded.check.__module__].__doc__ or "")


def as_markdown(loaded: Loaded) -> str:
    """docs/rules/NAME.md."""
    rule, page = loaded.rule, page_of(loaded)
    loud = " It cannot be silenced." if rule.loud else ""
    parts = [f"# {rule.code} {rule.name}", f"{page.title} ({rule.severity}.{loud})" if loud else page.title]
    parts += [
        page.text,
        f"**Why it matters.** {page.why[:1].upper()}{page.why[1:]}",
        f"**Source.** {page.source}",
    ]
    for title, examples in (("Bad", page.bad), ("Good", page.good)):
        for example in examples:
            release = f" (verl {example.version})" if example.version else ""
            parts.append(f"{title}{release}:\n\n```\n{example.text().rstrip()}\n```")
    return "\n\n".join(part for part in parts if part) + "\n"


def index(rules: tuple[Loaded, ...]) -> str:
    """docs/rules/README.md: every rule in a table."""
    lines = [
        "# Rules",
        "",
        "Made from the rules' docstrings by `python -m toolspec.backends.verl.lint.pages docs/rules`; a test compares.",
        "Severity: **error** is certain to fail or to train something other than asked, **warning** likely harm.",
        "",
        "| code | rule | severity | what it finds |",
        "| --- | --- | --- | --- |",
    ]
    for entry in rules:
        rule = entry.rule
        lines.append(
            f"| {rule.code} | [{rule.name}]({rule.name}.md) | {rule.severity} | {page_of(entry).title} |"
        )
    return "\n".join(lines) + "\n"


def documents(rules: tuple[Loaded, ...]) -> dict[str, str]:
    """File name → content of docs/rules."""
    return {"README.md": index(rules), **{f"{entry.rule.name}.md": as_markdown(entry) for entry in rules}}


if __name__ == "__main__":
    from pathlib import Path

    from toolspec.backends.verl.rules.registry import rules as all_rules

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    made = documents(all_rules())
    for old in folder.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, content in made.items():
        (folder / name).write_text(content, "utf-8")
