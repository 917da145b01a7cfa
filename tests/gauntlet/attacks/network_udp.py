"""Train sends a datagram to a port of this machine."""

STUDY = "halves"
TRAIN = """
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"found", ("127.0.0.1", PORT))
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
