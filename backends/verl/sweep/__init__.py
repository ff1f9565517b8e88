"""The points of a sweep compiled and linted, with what they have in common read once."""
