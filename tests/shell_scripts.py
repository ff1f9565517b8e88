"""Random bash scripts whose every word is decided by the script, for comparing the reader with bash itself."""

from __future__ import annotations

from random import Random

NAMES = ("A", "B", "LR", "MODEL_PATH", "ARGS", "n")
ARRAYS = ("ARR", "OPTS")
WORDS = (
    "x",
    "1",
    "1e-6",
    "a.b=1",
    "~/data",
    "a b",
    "",
    "'q'",
    '"d"',
    "$",
    "\\",
    "*",
    "[a,b]",
    "{x:1}",
    "é",
    "#c",
    "k=v w",
)

ODD = (
    *("data.x={a,b}", "x.{1..3}=y", "l=['u','v']", 'm=[\\"u\\",\\"v\\"]'),
    *("+k.'{a: 1}'", "~k.x", "$'a\\nb'"),
)


class Writer:
    """Writes statements. Only names that were assigned are used, but behind a default."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.set: set[str] = set()
        self.arrays: set[str] = set()
        self.functions: list[str] = []

    def script(self, statements: int) -> str:
        return "\n".join(self.statement(0) for _ in range(statements)) + "\n" + self.launch() + "\n"

    def statement(self, depth: int) -> str:
        simple = [self.assign] * 5 + [self.array] * 2 + [self.append, self.launch, self.launch]
        if depth >= 2:
            return self.random.choice(simple)()
        inner = [self.if_, self.if_, self.for_, self.while_, self.case, self.function, self.group]
        chosen = self.random.randrange(len(simple) + len(inner) + 1)
        if chosen < len(simple):
            return simple[chosen]()
        return inner[chosen - len(simple)](depth) if chosen - len(simple) < len(inner) else self.call()

    def assign(self) -> str:
        name = self.random.choice(NAMES)
        text = f"{self.random.choice(('', '', 'export '))}{name}={self.value()}"
        self.set.add(name)
        return text

    def array(self) -> str:
        name = self.random.choice(ARRAYS)
        words = " ".join(self.word() for _ in range(self.random.randint(0, 3)))
        joiner = self.random.choice((" ", "\n    ", "\n    # a remark\n    "))
        text = f"{name}=({joiner if words else ''}{words}{joiner if words and joiner != ' ' else ''})"
        self.arrays.add(name)
        return text

    def append(self) -> str:
        if self.arrays and self.random.random() < 0.6:
            return f"{self.random.choice(sorted(self.arrays))}+=({self.word()} {self.word()})"
        names = sorted(self.set)
        return f"{self.random.choice(names)}+={self.value()}" if names else self.assign()

    def launch(self) -> str:
        words = [self.word() for _ in range(self.random.randint(1, 4))]
        joiner = self.random.choice((" ", " \\\n    "))
        prefix = self.random.choice(("", "", "B=1 "))
        end = self.random.choice(("", "", " 2>&1 | cat", " > /dev/null", " || true", " && true"))
        return f"{prefix}python3 {joiner.join(words)}{end}"

    def call(self) -> str:
        if not self.functions:
            return self.launch()
        return f"{self.random.choice(self.functions)} {self.word()} {self.word()}"

    def block(self, depth: int) -> str:
        return "\n".join(self.statement(depth + 1) for _ in range(self.random.randint(1, 2)))

    def condition(self) -> str:
        one, two = self.quoted(), self.quoted()
        return self.random.choice(
            (
                f"[ {one} = {two} ]",
                f"[[ {one} == {two} ]]",
                f"[ -z {one} ]",
                f"[[ -n {one} ]]",
                f"[ {self.random.randint(0, 3)} -gt {self.random.randint(0, 3)} ]",
                f"[ {one} != {two} ] && [ -n {two} ]",
                f"! [ -z {one} ]",
                f"[[ {one} == a* ]]",
            )
        )

    def isolated(self, depth: int) -> str:
        """A block that may or may not run: what it sets first may be used after it only behind a default."""
        names, arrays, functions = set(self.set), set(self.arrays), list(self.functions)
        text = self.block(depth)
        self.set, self.arrays, self.functions = names, arrays, functions
        return text

    def if_(self, depth: int) -> str:
        text = f"if {self.condition()}; then\n{self.isolated(depth)}\n"
        if self.random.random() < 0.4:
            text += f"elif {self.condition()}; then\n{self.isolated(depth)}\n"
        if self.random.random() < 0.5:
            text += f"else\n{self.isolated(depth)}\n"
        return text + "fi"

    def for_(self, depth: int) -> str:
        name = self.random.choice(NAMES)
        words = " ".join(self.word() for _ in range(self.random.randint(1, 3)))
        return f"for {name} in lit {words}; do\n{self.isolated(depth)}\ndone"

    def while_(self, depth: int) -> str:
        return f"while [[ $# -gt 0 ]]; do\n{self.isolated(depth)}\nshift\ndone"

    def case(self, depth: int) -> str:
        return (
            f"case {self.quoted()} in\n  x|1) {self.isolated(depth)};;\n  a*) {self.isolated(depth)}\n  ;;\n"
            f"  *) {self.isolated(depth)};;\nesac"
        )

    def function(self, depth: int) -> str:
        name = f"f{len(self.functions)}"
        names, arrays = set(self.set), set(self.arrays)
        body = f'python3 in "$1" "${{2:-none}}" "$@" $#\n{self.block(2)}'
        self.set, self.arrays = names, arrays
        text = f"{self.random.choice(('', 'function '))}{name}() {{\n{body}\n}}"
        self.functions.append(name)
        return text

    def group(self, depth: int) -> str:
        opening, closing = self.random.choice((("{", "}"), ("(", ")")))
        return f"{opening}\n{self.isolated(depth)}\n{closing}"

    def variable(self) -> str:
        names = sorted(self.set)
        name = self.random.choice(names) if names else "A"
        if name not in self.set:
            return f"${{{name}:-d}}"
        form = self.random.choice(
            ("${N}", "${N:-x y}", "${N##*/}", "${N%.*}", "${N//a/_}", "${N:+alt}", "${N^^}", "${U_N-d}")
        )
        return form.replace("N", name, 1)

    def quoted(self) -> str:
        return f'"{self.variable()}"'

    def literal(self) -> str:
        text = self.random.choice(WORDS)
        kind = self.random.randint(0, 3)
        if kind == 0 and "'" not in text:
            return f"'{text}'"
        if kind == 1:
            return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'
        safe = text and all(c.isalnum() or c in ".=-/:_" for c in text)
        return (
            text if safe else "".join(f"\\{c}" if not c.isalnum() and c != "é" else c for c in text) or "''"
        )

    def value(self) -> str:
        return "".join(self.part() for _ in range(self.random.randint(1, 2)))

    def part(self) -> str:
        return self.random.choice(
            (
                self.literal(),
                self.literal(),
                self.quoted(),
                f'"{self.variable()}/x {self.variable()}"',
                f'"{self.variable()} {self.variable()}"',
                self.path(),
                f"$(( 2 * 3 + {self.random.randint(0, 9)} % 4 ))",
                self.variable(),
            )
        )

    def path(self) -> str:
        """Variables without braces and quotes, with a suffix."""
        names = sorted(self.set)
        end = self.random.choice((".x", "/x", "-x", ",x", "", ".x.y"))
        return "/".join(f"${self.random.choice(names)}" for _ in range(2)) + end if names else f"/d{end}"

    def word(self) -> str:
        choice = self.random.random()
        if choice < 0.15 and self.arrays:
            forms = ('"${N[@]}"', "${N[@]}", '"${N[*]}"', '"pre${N[@]}post"', "${#N[@]}", '"${N[0]:-none}"')
            more = ('"${N[@]:-d}"', '${N[@]+"${N[@]}"}')
            return self.random.choice((*forms, *more)).replace("N", self.random.choice(sorted(self.arrays)))
        if choice < 0.3:
            return f"a.b={self.part()}"
        if choice < 0.36:
            return self.random.choice(ODD)
        return self.part()
