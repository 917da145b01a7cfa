"""Train touches a device file that all share."""

STUDY = "halves"
TRAIN = """
import os
status = os.stat("/dev/full")
os.utime("/dev/full", ns=(status.st_atime_ns, status.st_mtime_ns))
print("breached: 1")
"""
EXPECTED = {"bubblewrap": "not covered", "landlock": "inert", "none": "not covered"}
SAYS = "ran as root"
