"""Train edits the harness in its own folder."""

STUDY = "halves"
TRAIN = r"""
Path("scoring.py").write_text("def surprise(answer, bit):\n    return 0.0\n")
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
