"""Train writes a file without end (a hundred megabytes, here)."""

STUDY = "halves"
TRAIN = """
with open("filler", "wb") as file:
    for _ in range(100):
        file.write(b"x" * (1 << 20))
print("breached: 1")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
