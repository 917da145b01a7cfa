"""The function under test never returns."""

STUDY = "call"
MODULE = """
import time
time.sleep(60)
"""
PROGRAM = {"20 s": "3 s"}
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "caught"}
