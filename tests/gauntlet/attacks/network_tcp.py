"""Train connects to a port of this machine."""

STUDY = "halves"
TRAIN = """
import socket
socket.create_connection(("127.0.0.1", PORT), 2)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
