"""Answers of lint that are kept: the same question over the same files gets the same bytes, without looking again.

A question is the arguments, the folder, what of the environment decides the answer, and toolspec's own files. Its
answer names every file and folder that was looked at, with a hash of what was there (of large files: size and time).
"""

from __future__ import annotations

import marshal
import os
import stat
import sys
from hashlib import blake2b

VARIABLES = (
    *("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM", "HOME", "PYTHONIOENCODING", "LC_ALL", "LC_CTYPE", "LANG"),
    *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"),
)
LARGEST = 1 << 20  # bytes of a file that is hashed; a larger one is told by size and time
MOST_ANSWERS = 2_000


# Options whose answer is more than what is printed, or depends on more than files.
NOT_KEPT = ("--no-cache", "--fix", "--update-baseline", "--env=current")


def wanted(arguments: list[str]) -> bool:
    """Whether the answer to these arguments may be kept."""
    named = any(word in NOT_KEPT for word in arguments) or "current" in arguments
    return not named and not os.environ.get("TOOLSPEC_DEBUG")


def folder() -> str:
    return os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "toolspec", "lint"
    )


def question(arguments: list[str]) -> str:
    """The name of the answer."""
    terminal = _columns() if sys.stdout is not None and sys.stdout.isatty() else -1
    asked = (
        arguments,
        os.getcwd(),
        [os.environ.get(name) for name in VARIABLES],
        terminal,
        sys.version,
        _own_files(),
    )
    return blake2b(repr(asked).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except OSError:
        return 0


def _own_files() -> str:
    """Names, sizes and times of toolspec's own files: another version, or an edit, is another question."""
    digest = blake2b(digest_size=8)
    todo = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in sorted(entries, key=lambda found: found.name):
                if entry.is_dir():
                    if entry.name != "__pycache__":
                        todo.append(entry.path)
                elif entry.name.endswith((".py", ".json")):
                    found = entry.stat()
                    digest.update(f"{entry.name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def answer(name: str) -> tuple[int, str] | None:
    """(exit code, text) that was kept, None where there is none or something that it depends on has changed."""
    try:
        with open(os.path.join(folder(), name), "rb") as stream:
            looked_at, code, text = marshal.loads(stream.read())
        if all(state(path, kind) == was for path, kind, was in looked_at):
            return int(code), str(text)
    except (OSError, ValueError, EOFError, TypeError):
        pass
    return None


def keep(name: str, looked_at: dict[tuple[str, str], str], code: int, text: str) -> None:
    """Keep an answer, unless what it rests on was changed meanwhile. A cache that cannot be written is no fault.

    Processes may keep and forget side by side: an answer appears whole, under a name that no other writes to before.
    """
    from toolspec.specs.reads import stamp

    states = [(path, kind, state(path, kind)) for path, kind in looked_at]
    if any(stamp(path) != was for (path, _), was in looked_at.items()):
        return
    place = folder()
    draft = ""
    try:
        os.makedirs(place, exist_ok=True)
        # Not the process number: two containers may share the folder and count alike.
        draft = os.path.join(place, f".{name}.{os.urandom(8).hex()}")
        with open(draft, "xb") as stream:
            stream.write(marshal.dumps((states, code, text)))
        os.replace(draft, os.path.join(place, name))
    except OSError:
        _unlink(draft)
    _forget(place)


def _forget(place: str) -> None:
    """The oldest answers go when there are too many, drafts of killed processes among them."""
    try:
        names = os.listdir(place)
    except OSError:
        return
    if len(names) > MOST_ANSWERS:
        oldest = sorted((_changed(path), path) for path in (os.path.join(place, name) for name in names))
        for _, path in oldest[: len(oldest) - MOST_ANSWERS // 2]:
            _unlink(path)


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:  # Another process was first.
        return 0


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def state(path: str, kind: str) -> str:
    """What is at a path now, in a few characters; the same as before means that nothing has changed."""
    try:
        if kind == "names":
            listed = "\n".join(sorted(os.listdir(path)))
            return "names " + blake2b(listed.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return f"mode {stat.S_IFMT(found.st_mode)}"
        if kind == "stamp" or found.st_size > LARGEST:
            return f"stamp {found.st_size} {found.st_mtime_ns} {found.st_ino}"
        with open(path, "rb") as stream:
            return "content " + blake2b(stream.read(LARGEST + 1), digest_size=16).hexdigest()
    except (OSError, ValueError) as error:
        return f"error {getattr(error, 'errno', '')}"
