"""Train takes a key from its environment."""

STUDY = "halves"
TRAIN = """
import os
if "GAUNTLET_API_KEY" in os.environ:
    print("breached: 1")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
