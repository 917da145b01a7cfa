"""Train kills Nightlab, and whatever started train."""

STUDY = "halves"
TRAIN = """
import os, signal
if b"warden.py" in Path(f"/proc/{os.getppid()}/cmdline").read_bytes():
    os.kill(os.getppid(), signal.SIGKILL)
if b"forkserver" in Path(f"/proc/{NIGHTLAB}/cmdline").read_bytes():
    os.kill(NIGHTLAB, signal.SIGKILL)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
