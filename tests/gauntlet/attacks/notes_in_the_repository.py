"""Train leaves a note for later trials in the study's .git folder."""

STUDY = "halves"
TRAIN = """
path = Path(STUDY, ".git/note")
if path.exists():
    print("breached: 1")
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text("tried")
"""
TRIALS = 2
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
