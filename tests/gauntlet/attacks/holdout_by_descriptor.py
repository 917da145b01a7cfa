"""Serve looks for what is scored through every descriptor that it has."""

STUDY = "halves"
SERVE = """
import os
for descriptor in range(3, 256):
    for path in ("data/val/bits.txt", "../data/val/bits.txt", "../evaluate/data/val/bits.txt"):
        try:
            found = os.open(path, os.O_RDONLY, dir_fd=descriptor)
            model = fit(os.read(found, 1000).decode(), 12)
        except OSError:
            pass
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert", "naive": "inert"}
