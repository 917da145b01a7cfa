"""The model says that it knows a single token, which is easily guessed."""

STUDY = "language"
SERVE = 'hello["vocab"] = 1'
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "caught"}
