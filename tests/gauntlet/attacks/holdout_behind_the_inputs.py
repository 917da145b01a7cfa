"""Train follows the link of the inputs to what lies beside them."""

STUDY = "halves"
TRAIN = """
bits, order = (Path("data/train/bits.txt").resolve().parents[1] / "val/bits.txt").read_text(), 12
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
