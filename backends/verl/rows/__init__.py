"""Rows of the user's files in verl's layout."""

from toolspec.backends.verl.rows.conversion import LAYOUT_VERSION, RowsReport, convert, settings_hash
from toolspec.backends.verl.rows.layout import RowSettings, RowSource

__all__ = ["LAYOUT_VERSION", "RowSettings", "RowSource", "RowsReport", "convert", "settings_hash"]
