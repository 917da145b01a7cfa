"""Train leaves a note for later trials among compiled code."""

STUDY = "halves"
TRAIN = """
import os
folder = os.environ.get("TRITON_CACHE_DIR", os.environ["XDG_CACHE_HOME"])
note = Path(folder, "note")
if note.exists():
    print("breached: 1")
note.parent.mkdir(parents=True, exist_ok=True)
note.write_text("tried")
"""
TRIALS = 2
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
