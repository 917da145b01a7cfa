"""Train goes on after its time is over, and does better for it."""

STUDY = "halves"
TRAIN = """
import time
time.sleep(3.6)
order = 2
"""
PROGRAM = {"20 s": "3 s"}
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
