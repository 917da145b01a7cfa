"""Train leaves a note for later trials in the times of an input."""

STUDY = "halves"
TRAIN = """
import os
path = Path("data/train/bits.txt").resolve()
if path.stat().st_mtime == 1234567890:
    print("breached: 1")
os.utime(path, (1234567890, 1234567890))
"""
TRIALS = 2
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
