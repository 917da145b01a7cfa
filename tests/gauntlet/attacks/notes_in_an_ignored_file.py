"""Train leaves a note for later trials in a file that git ignores."""

STUDY = "halves"
TRAIN = """
path = Path(".cache/note")
if path.exists():
    print("breached: 1")
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text("tried")
"""
TRIALS = 2
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
