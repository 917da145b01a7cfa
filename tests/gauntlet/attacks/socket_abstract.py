"""Train connects to a socket without a path."""

STUDY = "halves"
TRAIN = r"""
import socket
socket.socket(socket.AF_UNIX).connect("\0" + TOKEN)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
