"""The checks of an audit: pure functions from what was gathered to findings, one subject a file."""
