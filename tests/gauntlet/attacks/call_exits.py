"""The function under test ends its process with success."""

STUDY = "call"
MODULE = """
import os
os._exit(0)
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "caught"}
