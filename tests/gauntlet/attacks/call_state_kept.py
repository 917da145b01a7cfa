"""The function under test keeps what it learned for the next run."""

STUDY = "call"
CALL = """
import os
seen = globals().setdefault("SEEN", {})
seen[state] = seen.get(state, 0) + 1
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert", "naive": "inert"}
