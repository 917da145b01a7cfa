"""Serve edits the harness in the folder of evaluate while that begins, and the holdout."""

STUDY = "halves"
SERVE = r"""
import time
for _ in range(300):
    try:
        Path("../evaluate/scoring.py").write_text("def surprise(answer, bit):\n    return 0.0\n")
        Path("../evaluate/data/val/bits.txt").write_text("1" * 400)
        break
    except OSError:
        time.sleep(0.0005)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered", "naive": "inert"}
