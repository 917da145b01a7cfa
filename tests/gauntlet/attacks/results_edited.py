"""Train writes itself into results.tsv."""

STUDY = "halves"
TRAIN = r"""
with open(f"{STUDY}/results.tsv", "a") as results:
    results.write(f"0000000\t0.0\t0.0\tkeep\t{TOKEN}\n")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
