"""What a model sees and what verl reads back: tool schemas as a release keeps them, templates against parsers."""
