"""The language server: what lint finds while typing, what a field means, what can stand at a place."""
