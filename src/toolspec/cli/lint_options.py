"""The options of `toolspec lint`: one table, read here without click, which shows the help and what is wrong."""

from __future__ import annotations

from typing import NamedTuple

FORMATS = ("text", "json", "sarif", "github", "junit")


class Option(NamedTuple):
    """name: as typed. value: what follows it, "" for a flag. several: it may be given more than once."""

    name: str
    value: str
    help: str
    several: bool = False


OPTIONS: tuple[Option, ...] = (
    Option("--target", "VERL", "verl release, such as verl==0.9.1."),
    Option("--format", "|".join(FORMATS), "Output form. Default: text."),
    Option(
        "--select", "RULES", "Only these: codes (TS203), beginnings (TS2) or names, by comma.", several=True
    ),
    Option("--ignore", "RULES", "All but these.", several=True),
    Option(
        "--severity", "LEVEL", "Show this and worse: error, warning or note; or RULE=LEVEL.", several=True
    ),
    Option("--set", "PATH=VALUE", "Set a value of a spec. Repeatable.", several=True),
    Option("--env", "FILE", "Packages to check: a requirements or pip freeze file, or `current`."),
    Option("--baseline", "FILE", "Leave out what is recorded there."),
    Option("--update-baseline", "", "Record what is found in the baseline file."),
    Option("--fix", "", "Make the safe edits."),
    Option("--unsafe-fixes", "", "With --fix or --diff: also edits that may change the meaning."),
    Option("--diff", "", "Show the edits and make none."),
    Option("--config", "FILE", "Settings. Default: .toolspec.toml or pyproject.toml above the input."),
    Option("--skip-others", "", "Pass over files that are no specs, verl configs or scripts of it (hooks)."),
    Option("--exit-zero", "", "Exit 0 even with errors."),
    Option("--no-cache", "", "Neither look up nor keep the answer."),
    Option("--verbose", "", "List every rule that was not checked, and every assumption."),
)
_BY_NAME = {option.name: option for option in OPTIONS}


class Asked(NamedTuple):
    """What the command line says. values: option → what was given. arguments: those after `--`, None without it."""

    paths: tuple[str, ...]
    values: dict[str, tuple[str, ...]]
    arguments: tuple[str, ...] | None

    def one(self, name: str) -> str | None:
        given = self.values.get(name)
        return given[-1] if given else None

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a repeatable option, comma lists taken apart."""
        return tuple(part for text in self.values.get(name, ()) for part in text.replace(",", " ").split())

    def flag(self, name: str) -> bool:
        return name in self.values


def parse(words: list[str]) -> Asked | None:
    """The options of a well-formed command line; None for any other, which click then explains."""
    paths: list[str] = []
    values: dict[str, tuple[str, ...]] = {}
    rest = iter(words)
    for word in rest:
        if word == "--":
            return Asked(tuple(paths), values, tuple(rest))
        if not word.startswith("-") or word == "-":
            paths.append(word)
            continue
        name, sign, value = word.partition("=")
        option = _BY_NAME.get(name)
        if option is None or (sign and not option.value):
            return None
        if option.value and not sign:
            following = next(rest, None)
            if following is None:
                return None
            value = following
        if name == "--format" and value not in FORMATS:
            return None
        values[name] = (*values.get(name, ()), value) if option.several else (value,)
    return Asked(tuple(paths), values, None) if paths else None
