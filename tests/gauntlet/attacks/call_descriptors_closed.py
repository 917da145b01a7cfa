"""The function under test closes every descriptor."""

STUDY = "call"
MODULE = """
import os
os.closerange(3, 256)
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "inert"}
