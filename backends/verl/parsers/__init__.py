"""verl's tool-call parsers without verl: what each release makes of a text that the policy wrote, one format a file."""

from toolspec.backends.verl.parsers.call import Call, NoAnswer, Parsed, ParserFailure, Tools
from toolspec.backends.verl.parsers.table import (
    FORMATS,
    Format,
    Stop,
    formats_that_parse,
    parse,
    parse_ids,
    stop_token_ids,
)

__all__ = [
    "FORMATS",
    "Call",
    "Format",
    "NoAnswer",
    "Parsed",
    "ParserFailure",
    "Stop",
    "Tools",
    "formats_that_parse",
    "parse",
    "parse_ids",
    "stop_token_ids",
]
