"""Train writes a module by the name of one in the standard library."""

STUDY = "halves"
TRAIN = r"""
text = "def loads(text):\n    print('loss: 0.0')\n    raise SystemExit\n"
Path("json.py").write_text(text + "def dumps(data):\n    return '{}'\n")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
