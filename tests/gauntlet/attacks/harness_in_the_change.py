"""The change edits the harness too."""

STUDY = "halves"
TRAIN = "order = 0"
FILES = {"scoring.py": "def surprise(answer, bit):\n    return 0.0\n"}
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
