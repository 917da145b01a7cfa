"""Train writes sitecustomize, usercustomize and a .pth file where it is."""

STUDY = "halves"
TRAIN = r"""
for name in ("sitecustomize.py", "usercustomize.py"):
    Path(name).write_text("print('loss: 0.0')\nimport os\nos._exit(0)\n")
Path("free.pth").write_text("import os; print('loss: 0.0'); os._exit(0)\n")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert", "naive": "inert"}
