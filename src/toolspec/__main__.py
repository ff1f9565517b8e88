"""`toolspec` and `python -m toolspec`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line. The version is answered without loading it."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from toolspec import __version__

        print(f"toolspec {__version__}")
        return 0
    from toolspec.cli.app import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
