"""Train leaves a note for later trials in an attribute of an input."""

STUDY = "halves"
TRAIN = """
import os
path = Path("data/train/bits.txt").resolve()
if "user.note" in os.listxattr(path):
    print("breached: 1")
os.setxattr(path, "user.note", b"tried")
"""
TRIALS = 2
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
