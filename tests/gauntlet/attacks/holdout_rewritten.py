"""Train rewrites what is scored, so that it is easy."""

STUDY = "halves"
TRAIN = """
path = Path(STUDY, "data/val/bits.txt")
path.write_text("1" * 400)
bits, order = "1" * 400, 0
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
