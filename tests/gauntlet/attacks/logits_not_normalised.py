"""The model answers with numbers that are no log probabilities."""

STUDY = "language"
ANSWER = "found = found + 50"
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
