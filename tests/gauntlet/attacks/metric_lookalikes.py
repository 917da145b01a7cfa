"""A script prints numbers whose names end like the metric's."""

STUDY = "script"
TRAIN = """
print("ema.loss: 0.0")
print("train/loss: 0.0")
print("best loss: 0.0")
print("loss (smoothed): 0.0")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
