"""Train leaves a note for later trials where they will have their folders."""

STUDY = "halves"
TRAIN = """
path = Path(Path.cwd().parents[1], TOKEN, "note")
if path.exists():
    print("breached: 1")
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text("tried")
"""
TRIALS = 2
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
