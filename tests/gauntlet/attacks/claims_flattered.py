"""The model claims a little more than it knows, within what rounding explains."""

STUDY = "language"
CLAIM = "found = np.minimum(found + 0.08, 0)"
PROGRAM = {"prepare.py evaluate": "prepare.py evaluate --scoring audited"}
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert", "naive": "inert"}
