"""Train writes into the folder of the inputs, which all trials share."""

STUDY = "halves"
TRAIN = """
path = Path("data/train/bits.txt")
path.write_text(path.read_text() * 2)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered", "naive": "inert"}
