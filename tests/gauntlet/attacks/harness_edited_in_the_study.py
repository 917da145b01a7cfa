"""Train edits the harness in the checkout."""

STUDY = "halves"
TRAIN = r"""
Path(STUDY, "scoring.py").write_text("def surprise(answer, bit):\n    return 0.0\n")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
