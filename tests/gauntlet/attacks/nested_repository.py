"""Train makes a repository within, whose files git does not clear away."""

STUDY = "halves"
TRAIN = """
import subprocess
if Path("inner/note").exists():
    print("breached: 1")
subprocess.run(["git", "init", "-q", "inner"], check=True)
Path("inner/note").write_text("tried")
"""
TRIALS = 2
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
