"""The artifact is a pickle that runs code where it is loaded."""

STUDY = "halves"
TRAIN = r"""
import os
forged = b"cbuiltins\nexec\n(S'print(\"loss: 0.0\")'\ntR."
Path("model.json").write_bytes(forged)
sys.exit()
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught", "naive": "caught"}
