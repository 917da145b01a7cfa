"""Train prints the metric that it would like to have."""

STUDY = "halves"
TRAIN = "print('loss: 0.0')"
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
