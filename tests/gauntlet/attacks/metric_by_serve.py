"""Serve prints the metric on its standard error, after each answer."""

STUDY = "halves"
SERVE = 'print("loss: 0.0", file=sys.stderr, flush=True)'
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
