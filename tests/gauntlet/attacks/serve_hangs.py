"""Serve never answers, so that the deadline decides."""

STUDY = "halves"
SERVE = """
import time
time.sleep(60)
"""
PROGRAM = {"20 s": "3 s"}
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "caught"}
