"""The forms that other programs read lint's findings in."""
