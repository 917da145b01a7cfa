"""Train takes memory in many processes, each within the limit."""

STUDY = "halves"
TRAIN = """
import os, time
children = []
for _ in range(4):
    children.append(os.fork())
    if children[-1] == 0:
        held = b"x" * (300 << 20)
        time.sleep(1.5)
        os._exit(0)
if [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]:
    print("breached: 1")
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
