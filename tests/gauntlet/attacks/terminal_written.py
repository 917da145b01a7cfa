"""Train writes on the terminal of whoever runs Nightlab."""

STUDY = "halves"
TRAIN = """
import os
terminal = os.open(TERMINAL, os.O_WRONLY | os.O_NOCTTY)
os.write(terminal, b"trial 1 was kept: loss 0.0")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
