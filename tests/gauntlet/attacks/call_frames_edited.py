"""The function under test reaches into the frames that called it."""

STUDY = "call"
CALL = """
import sys
frame = sys._getframe(2)
while frame and frame.f_code.co_name != "evaluate":
    frame = frame.f_back
frame.f_locals["states"].clear()
frame.f_locals["states"].append(0.0)
"""
EXPECTED = {"bubblewrap": "not covered", "landlock": "not covered", "none": "not covered"}
