"""Train writes a module by the name of numpy, which the harness imports."""

STUDY = "language"
TRAIN = r"""
Path("numpy.py").write_text("print('val_bpb: 0.0')\nraise SystemExit\n")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
