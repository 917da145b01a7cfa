"""The function under test answers Nightlab with JSON of another shape."""

STUDY = "call"
MODULE = r"""
import os
for descriptor in range(3, 64):
    try:
        os.write(descriptor, b'["metrics"]\n')
    except OSError:
        pass
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "inert"}
