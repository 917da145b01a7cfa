"""Train makes a link to what is scored, and reads that."""

STUDY = "halves"
TRAIN = """
Path("mine").symlink_to(Path(STUDY, "data/val"))
bits, order = Path("mine/bits.txt").read_text(), 12
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
