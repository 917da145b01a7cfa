"""The model answers with fewer numbers than were asked."""

STUDY = "language"
ANSWER = "found = found[:, :, :1]"
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "caught"}
