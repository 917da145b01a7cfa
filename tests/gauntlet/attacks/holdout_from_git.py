"""Train reads what is scored out of the study's repository."""

STUDY = "halves"
TRAIN = """
import subprocess
words = ["git", "-c", "safe.directory=*", "-C", STUDY, "show", "HEAD:answers.txt"]
found = subprocess.run(words, capture_output=True, text=True, check=True)
bits, order = found.stdout, 12
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
