"""A spec from a run of verl that is written as a config, a script or arguments."""
