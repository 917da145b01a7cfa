"""Train keeps its memory in files of /dev/shm, where it is not counted (600 MB, here)."""

STUDY = "halves"
TRAIN = """
import time
for number in range(24):
    with open(f"/dev/shm/{TOKEN}-{number}", "wb") as file:
        for _ in range(25):
            file.write(b"x" * (1 << 20))
time.sleep(0.5)
print("breached: 1")
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "not covered"}
