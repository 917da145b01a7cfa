"""Train plants hooks in the study's repository."""

STUDY = "halves"
TRAIN = r"""
for name in ("post-commit", "post-checkout", "reference-transaction"):
    hook = Path(STUDY, ".git/hooks", name)
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\necho > /tmp/{TOKEN}\n")
    hook.chmod(0o755)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
