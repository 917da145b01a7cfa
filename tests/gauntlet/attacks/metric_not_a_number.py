"""Serve answers with NaN, which compares as it likes."""

STUDY = "halves"
SERVE = """
for line in sys.stdin:
    print("nan", flush=True)
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "caught"}
