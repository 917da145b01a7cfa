"""The model claims a context that no memory could hold."""

STUDY = "language"
SERVE = 'hello["context"] = 10**12'
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "caught"}
