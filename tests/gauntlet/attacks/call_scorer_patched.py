"""The function under test replaces the harness's score, in the same process."""

STUDY = "call"
MODULE = """
import simulate
simulate.score = lambda errors: 0.0
"""
EXPECTED = {"bubblewrap": "not covered", "landlock": "not covered", "none": "not covered"}
