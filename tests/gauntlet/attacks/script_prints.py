"""A script with one half prints the metric that it would like to have."""

STUDY = "script"
TRAIN = """
print("loss: 0.0")
raise SystemExit
"""
EXPECTED = {"bubblewrap": "not covered", "landlock": "not covered", "none": "not covered"}
