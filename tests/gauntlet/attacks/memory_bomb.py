"""Train takes memory without end (1.2 GB, here)."""

STUDY = "halves"
TRAIN = """
held = []
for _ in range(24):
    held.append(b"x" * (50 << 20))
print("breached: 1")
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
