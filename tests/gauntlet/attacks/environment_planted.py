"""Train plants an environment of the study's own, whose python says what it likes."""

STUDY = "halves"
TRAIN = r"""
python = Path(STUDY, ".venv/bin/python")
python.parent.mkdir(parents=True)
python.write_text("#!/bin/sh\necho loss: 0.0\n")
python.chmod(0o755)
"""
TRIALS = 2
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
