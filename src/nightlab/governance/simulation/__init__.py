"""The simulator, asked in processes of its own: once, or again and again."""
