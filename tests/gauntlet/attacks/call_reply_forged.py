"""The function under test answers Nightlab itself, before the harness can."""

STUDY = "call"
MODULE = r"""
import os, json
for descriptor in range(3, 64):
    try:
        os.write(descriptor, b'{"metrics": {"loss": 0.0}}\n')
    except OSError:
        pass
"""
EXPECTED = {
    "bubblewrap": "not covered",
    "landlock": "not covered",
    "none": "not covered",
    "naive": "inert",
}
