"""Train opens the kernel's settings for writing."""

STUDY = "halves"
TRAIN = """
import os
for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger"):
    try:
        os.close(os.open(path, os.O_WRONLY))
        print("breached: 1")
    except OSError:
        pass
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
