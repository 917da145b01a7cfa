"""Serve trains at length, where the budget is not looked at."""

STUDY = "halves"
SERVE = """
import time
time.sleep(3.2)
model = fit(Path("data/train/bits.txt").read_text(), 2)
"""
PROGRAM = {"seeds: [1]": "seeds: [1]\n  budget: 1 s"}
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
