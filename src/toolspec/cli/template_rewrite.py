"""`toolspec template --rewrite`: the tools file with schemas that the release keeps whole."""

from __future__ import annotations

from pathlib import Path

from toolspec.cli.document import print_json
from toolspec.cli.output import obeying_nothing, paint
from toolspec.cli.replace import replace_file

COLOURS = {"+": "32", "-": "31", "@": "36"}


def rewrite_tools(file: Path, target: str | None, form: str, *, write: bool) -> int:
    """Show the change as a diff, and write it if asked to; returns the exit code. Raises ProblemError."""
    from difflib import unified_diff

    from toolspec.backends.verl.chat.tools_rewrite import read_tools, rewritings, rewritten

    found = read_tools(file, target)
    if found.file is None or found.file.tree is None:
        why = (
            "the bundle's own schema class keeps all of a schema" if found.spec else "no tools file is named"
        )
        if form == "json":
            print_json({"version": 1, "verl": found.release, "file": None, "tools": [], "written": False})
        else:
            print(f"nothing to rewrite: {why}")
        return 0
    name = found.file.tree.file
    listed = rewritings(found.file, found.release)
    after = rewritten(found.data, name, listed) if listed else found.data
    changed = after != found.data
    if write and changed:
        replace_file(Path(name), after)
    if form == "json":
        tools = [
            {
                "name": one.tool.name,
                "lost": list(one.seen.lost),
                "refused": one.seen.refused or None,
                "rewritten": one.schema,
            }
            for one in listed
        ]
        answer = {"version": 1, "verl": found.release, "file": name, "tools": tools}
        print_json({**answer, "written": write and changed, "text": after.decode("utf-8")})
        return 0
    old, new = (data.decode("utf-8").splitlines(keepends=True) for data in (found.data, after))
    for line in unified_diff(old, new, name, name):
        text = obeying_nothing(line.rstrip("\r\n"))
        print(paint(text, COLOURS[text[0]]) if text[:1] in COLOURS else text)
    number = f"{len(listed)} schema{'' if len(listed) == 1 else 's'}"
    if not listed:
        print(f"{name}: verl {found.release} keeps all of its schemas")
    elif write:
        print(f"{name}: {number} rewritten for verl {found.release}")
    else:
        print(f"{number} to rewrite for verl {found.release}; --write writes {name}")
    return 0
