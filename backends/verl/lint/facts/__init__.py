"""What rules read beside the configuration: rows, tools, reward code, the model's files, the environment."""
