"""Train reads what is scored where the study keeps it."""

STUDY = "halves"
TRAIN = 'bits, order = Path("data/val/bits.txt").read_text(), 12'
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
