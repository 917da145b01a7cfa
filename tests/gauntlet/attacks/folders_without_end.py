"""Train makes folders so deep that clearing them away fails."""

STUDY = "halves"
TRAIN = """
import os
top = os.getcwd()
os.mkdir("deep")
os.chdir("deep")
for _ in range(1500):
    os.mkdir("d")
    os.chdir("d")
os.chdir(top)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert", "naive": "inert"}
