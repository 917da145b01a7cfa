"""The artifact is a link to what is scored."""

STUDY = "halves"
TRAIN = """
Path("model.json").unlink(missing_ok=True)
Path("model.json").symlink_to(Path(STUDY, "data/val/bits.txt"))
sys.exit()
"""
SERVE = 'model = fit(Path("model.json").read_text(), 12)'
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
