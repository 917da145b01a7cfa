"""The change rewrites program.md, so that something else is better."""

STUDY = "halves"
TRAIN = "order = 0"
FILES = {"program.md": "# Rest\n"}
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "inert"}
