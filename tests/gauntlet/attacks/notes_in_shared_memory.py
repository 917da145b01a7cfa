"""Train leaves a note for later trials in /dev/shm."""

STUDY = "halves"
TRAIN = """
path = Path("/dev/shm", TOKEN)
if path.exists():
    print("breached: 1")
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text("tried")
"""
TRIALS = 2
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
