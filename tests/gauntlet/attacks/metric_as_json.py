"""Train prints the metric as a line of JSON."""

STUDY = "halves"
TRAIN = 'print(json.dumps({"loss": 0.0, "val": {"loss": 0.0}}))'
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
