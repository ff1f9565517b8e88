"""Whether this machine and environment can run a release: probes gather a snapshot, and a table of checks reads it."""
