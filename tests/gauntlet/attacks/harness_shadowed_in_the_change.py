"""The change brings a module by the name of one in the standard library."""

STUDY = "halves"
TRAIN = "order = 0"
FILES = {
    "math.py": "def log2(x):\n    return 0.0\n",
    "json.py": "def loads(x):\n    print('loss: 0.0')\n",
}
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
