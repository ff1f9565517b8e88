"""Rows of the user's files in verl's layout."""

from toolspec.backends.verl.rows.conversion import RowsReport, convert
from toolspec.backends.verl.rows.layout import RowSettings, RowSource

__all__ = ["RowSettings", "RowSource", "RowsReport", "convert"]
