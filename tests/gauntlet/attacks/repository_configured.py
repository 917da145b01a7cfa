"""Train names a program of its own in the configuration of the study's repository."""

STUDY = "halves"
TRAIN = r"""
with open(f"{STUDY}/.git/config", "a") as config:
    config.write(f"[core]\n\tfsmonitor = touch /tmp/{TOKEN}\n")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
