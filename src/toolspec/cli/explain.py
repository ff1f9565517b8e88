"""`toolspec explain` and `toolspec rules`."""

from __future__ import annotations

import textwrap

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT
from toolspec.cli.output import paint
from toolspec.cli.terminal import width


@click.command("explain")
@click.argument("rule", metavar="CODE")
@FORMAT
def explain(rule: str, *, form: str) -> int:
    """Say what a rule finds, why it matters, and where verl does it. CODE is a code or a name.

    \b
    Example:
      toolspec explain TS301
      toolspec explain tools-never-run
    """
    from toolspec.backends.verl.lint.pages import page_of
    from toolspec.backends.verl.rules.registry import rules

    loaded = rules()
    found = next(
        (entry for entry in loaded if rule.upper() == entry.rule.code or rule == entry.rule.name), None
    )
    if found is None:
        from toolspec.specs.codes import CODES

        code = (
            rule.upper() if rule.upper() in CODES else next((c for c, n in CODES.items() if n == rule), None)
        )
        if code is None:
            from toolspec.specs.nearest import nearest

            close = nearest(rule, [*CODES.values(), *CODES])
            hint = f" Did you mean {close[0]}?" if close else " `toolspec rules` lists them."
            raise click.UsageError(f"There is no rule {rule!r}.{hint}")
        print(
            f"{code} {CODES[code]}: a fault that compile and lint tell at its place, with what to write instead."
        )
        return 0
    page = page_of(found)
    if form == "json":
        print_json(
            {"version": 1, "code": found.rule.code, "name": found.rule.name, "severity": found.rule.severity}
            | {"title": page.title, "text": page.text, "why": page.why, "source": page.source}
        )
        return 0
    columns = min(width(), 88)
    print(f"{paint(found.rule.code, '1')} {found.rule.name} ({found.rule.severity})")
    print(page.title)
    for part in page.text.split("\n\n"):
        print()
        print(textwrap.fill(" ".join(part.split()), columns, break_on_hyphens=False))
    for name, text in (("why", page.why), ("source", page.source)):
        print()
        print(textwrap.fill(f"{name}: {text}", columns, subsequent_indent="  ", break_on_hyphens=False))
    for name, examples in (("bad", page.bad), ("good", page.good)):
        for example in examples:
            print()
            print(f"{name}:" + (f"  (verl {example.version})" if example.version else ""))
            print(textwrap.indent(example.text().rstrip(), "    "))
    return 0


@click.command("rules")
@FORMAT
def rules_(*, form: str) -> int:
    """List every rule of lint: code, severity, name, what it finds.

    \b
    Example:
      toolspec rules
      toolspec rules --format json
    """
    from toolspec.backends.verl.lint.pages import page_of
    from toolspec.backends.verl.rules.registry import rules

    loaded = rules()
    if form == "json":
        listed = [
            {"code": e.rule.code, "name": e.rule.name, "severity": e.rule.severity, "title": page_of(e).title}
            for e in loaded
        ]
        print_json({"version": 1, "rules": listed})
        return 0
    room = max(len(entry.rule.name) for entry in loaded)
    for entry in loaded:
        title = page_of(entry).title
        head = f"{entry.rule.code}  {entry.rule.severity:<7}  {entry.rule.name:<{room}}  "
        left = width() - len(head)
        print(head + (title if len(title) <= left else title[: max(left - 1, 10)] + "…"))
    return 0
