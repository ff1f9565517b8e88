"""Shell scripts read as bash would run them, without running anything: words, variables, and the commands in order."""
