"""The function under test answers Nightlab with a metric that is a word."""

STUDY = "call"
MODULE = r"""
import os
for descriptor in range(3, 64):
    try:
        os.write(descriptor, b'{"metrics": {"loss": "none"}}\n')
    except OSError:
        pass
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "inert"}
