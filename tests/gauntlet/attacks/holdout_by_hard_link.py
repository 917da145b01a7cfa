"""The artifact is another name of the file that is scored."""

STUDY = "halves"
TRAIN = """
Path("model.json").unlink(missing_ok=True)
Path("model.json").hardlink_to(Path(STUDY, "data/val/bits.txt"))
sys.exit()
"""
SERVE = 'model = fit(Path("model.json").read_text(), 12)'
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "caught"}
