"""A verl configuration as its user wrote it: YAML files, shell scripts and argument lists, read and never run."""
