"""Train reads what is scored in the checkout."""

STUDY = "halves"
TRAIN = 'bits, order = Path(STUDY, "data/val/bits.txt").read_text(), 12'
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
