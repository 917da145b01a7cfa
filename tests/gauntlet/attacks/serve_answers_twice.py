"""Serve writes more answers than it was asked for."""

STUDY = "halves"
SERVE = r"""
for line in sys.stdin:
    print("0.5\n0.999999", flush=True)
    break
for line in sys.stdin:
    print("0.5", flush=True)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert", "naive": "inert"}
