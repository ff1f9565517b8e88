"""`toolspec` and `python -m toolspec`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> int:
    """Run the command line. The version is answered without loading it."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from toolspec import __version__

        print(f"toolspec {__version__}")
        return 0
    if sys.argv[1:2] == ["lint"]:
        from toolspec.cli import kept  # before anything else is loaded

        found = kept.answer(kept.question(sys.argv[2:])) if kept.wanted(sys.argv[2:]) else None
        if found is not None:
            sys.stdout.write(found[1])
            return found[0]
        from toolspec.cli.lint import main as lint

        code = lint(sys.argv[2:])
        if code is not None:
            return code
    # What is loaded stays to the end: collecting in between only costs time (10 ms).
    gc.set_threshold(100_000, 10, 10)
    # Plugins that other packages bring for pydantic are not run; looking for them reads every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from toolspec.cli.app import run

    code = run()
    gc.freeze()  # The end of the process frees it all; looking through it for cycles first takes 20 ms.
    return code


if __name__ == "__main__":
    sys.exit(main())
