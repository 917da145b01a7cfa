"""The gauntlet: changes that try to win without improving, and what comes of each."""
