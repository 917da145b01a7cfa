"""Train takes three times the budget that it was given, and does better for it."""

STUDY = "halves"
TRAIN = """
import time
time.sleep(3)
order = 2
"""
PROGRAM = {"seeds: [1]": "seeds: [1]\n  budget: 1 s"}
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
