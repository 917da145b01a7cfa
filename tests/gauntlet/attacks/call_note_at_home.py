"""The function under test leaves a note for later trials in the home folder."""

STUDY = "call"
MODULE = """
from pathlib import Path
if Path(HOME, "note").exists():
    raise KeyboardInterrupt
Path(HOME, "note").write_text("tried")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
