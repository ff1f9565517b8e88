"""One rule a file: its docstring is its page, its examples are its test, `registry.py` is the list."""
