"""The model chooses a context so long that all is one window, and looks back."""

STUDY = "language"
SERVE = 'hello["context"] = 4096'
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert", "naive": "inert"}
