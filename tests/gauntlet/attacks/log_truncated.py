"""Train truncates its own log, and then prints the metric."""

STUDY = "halves"
TRAIN = """
import os
for descriptor in (1, 2):
    os.ftruncate(descriptor, 0)
print("loss: 0.0")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
