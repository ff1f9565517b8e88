"""`toolspec` and `python -m toolspec`.

No `from __future__` here: it is an import, and the working folder must leave the import path before the first one.
"""

import gc
import os
import sys


def main() -> int:
    """Run the command line. The version is answered without loading it."""
    _forget_working_folder()
    from toolspec.cli.outcome import FOR_CLICK, outcome, stop_on_signals
    from toolspec.cli.streams import prepare

    prepare()
    if sys.argv[1:] in (["--version"], ["-V"]):
        return outcome(_version)
    stop_on_signals()
    # What is loaded stays to the end: collecting in between only costs time (10 ms).
    gc.set_threshold(100_000, 10, 10)
    code = outcome(_lint) if sys.argv[1:2] == ["lint"] else FOR_CLICK
    if code == FOR_CLICK:
        code = _by_click()
    gc.freeze()  # The end of the process frees it all; looking through it for cycles first takes 20 ms.
    return code


def _by_click() -> int:
    """Every command but lint, and lint where its options are to be explained."""
    # Plugins that other packages bring for pydantic are not run; looking for them reads every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from toolspec.cli.app import run

    return run()


def _forget_working_folder() -> None:
    """Import nothing of the working folder, where specs lie beside the user's own modules.

    `python -m` puts it first on the path, and so does PYTHONPATH with an empty entry (`$PYTHONPATH:/more`). Where it
    is the folder that toolspec itself comes from, what toolspec needs may be there too, and it goes last.
    """
    try:
        here = os.path.realpath(os.getcwd())  # noqa: PTH109 - pathlib is more to import than a version may cost
    except OSError:
        return  # The working folder is deleted.
    home = os.path.realpath(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    there = [entry for entry in sys.path if os.path.realpath(entry or ".") == here]
    sys.path[:] = [entry for entry in sys.path if entry not in there]
    if here == home:
        sys.path.append(here)


def _lint() -> int:
    """`toolspec lint`: a kept answer before anything else is loaded; FOR_CLICK where it explains options."""
    from toolspec.cli import kept

    words = sys.argv[2:]
    found = kept.answer(kept.question(words)) if kept.wanted(words) else None
    if found is not None:
        code, text = found
        sys.stdout.write(text)
        return code
    from toolspec.cli.lint import main as lint

    return lint(words)


def _version() -> int:
    from toolspec import __version__

    print(f"toolspec {__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
