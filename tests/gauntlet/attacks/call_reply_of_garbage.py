"""The function under test answers Nightlab with what is no JSON."""

STUDY = "call"
MODULE = r"""
import os
for descriptor in range(3, 64):
    try:
        os.write(descriptor, b"{\xff\n")
    except OSError:
        pass
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "inert"}
