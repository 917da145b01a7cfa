"""The function under test tells Nightlab of progress in words."""

STUDY = "call"
MODULE = r"""
import os
for descriptor in range(3, 64):
    try:
        os.write(descriptor, b'{"progress": "half", "values": 1}\n')
    except OSError:
        pass
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "inert"}
