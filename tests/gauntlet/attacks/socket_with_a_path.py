"""Train connects to a socket by its path."""

STUDY = "halves"
TRAIN = """
import socket
socket.socket(socket.AF_UNIX).connect(str(Path(STUDY).parent / "socket"))
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "not covered", "none": "not covered"}
