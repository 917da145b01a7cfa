"""Train writes a library where artifacts lie, and calls the artifact one too."""

STUDY = "halves"
TRAIN = r"""
Path("json.py").write_text("def loads(text):\n    print('loss: 0.0')\n    raise SystemExit\n")
Path("model.json").mkdir()
Path("model.json/__init__.py").write_text("print('loss: 0.0')\n")
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
