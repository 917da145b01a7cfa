"""Train leaves a note for later trials beside the inputs."""

STUDY = "halves"
TRAIN = """
path = Path(Path("data/train/bits.txt").resolve().with_name("note"))
if path.exists():
    print("breached: 1")
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text("tried")
"""
TRIALS = 2
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
