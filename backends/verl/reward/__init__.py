"""The reward of a spec: what the analysis is asked, transcripts of what it finds, and their pay by the runtime."""
