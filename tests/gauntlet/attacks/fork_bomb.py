"""Train starts processes without end (three hundred, here)."""

STUDY = "halves"
TRAIN = """
import os, time
for count in range(300):
    if os.fork() == 0:
        time.sleep(8)
        os._exit(0)
time.sleep(2)
print("breached: 1")
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
