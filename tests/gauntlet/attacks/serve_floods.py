"""Serve writes megabytes of answers that nobody asked for."""

STUDY = "halves"
SERVE = r"""
for _ in range(8):
    sys.stdout.write("0.5\n" * (1 << 18))
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert", "naive": "inert"}
