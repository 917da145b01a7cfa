"""Serve reads what is scored."""

STUDY = "halves"
SERVE = """
for path in ("data/val/bits.txt", "../evaluate/data/val/bits.txt", f"{STUDY}/data/val/bits.txt"):
    if Path(path).exists():
        model = fit(Path(path).read_text(), 12)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
