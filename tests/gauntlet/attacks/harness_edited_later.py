"""A process that train leaves behind edits the harness in the folder of evaluate."""

STUDY = "halves"
TRAIN = r"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        together = Path("data/val").exists()
        path = Path("scoring.py" if together else "../evaluate/scoring.py")
        for _ in range(3000):
            if path.exists():
                path.write_text("def surprise(answer, bit):\n    return 0.0\n")
            time.sleep(0.001)
    os._exit(0)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
