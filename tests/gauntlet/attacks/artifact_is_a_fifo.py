"""The artifact is a pipe that nobody writes to."""

STUDY = "halves"
TRAIN = """
Path("model.json").unlink(missing_ok=True)
import os
os.mkfifo("model.json")
sys.exit()
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "caught"}
