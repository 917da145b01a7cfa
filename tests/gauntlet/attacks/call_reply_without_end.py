"""The function under test answers Nightlab with a line that has no end (16 MB, here)."""

STUDY = "call"
MODULE = """
import os, sys, time
for descriptor in range(3, 64):
    try:
        for _ in range(16):
            left = memoryview(b"x" * (1 << 20))
            while left:
                left = left[os.write(descriptor, left):]
    except OSError:
        pass
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "inert"}
