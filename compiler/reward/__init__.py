"""What a reward pays for, decided over every trajectory that the budget allows, in exact arithmetic."""
