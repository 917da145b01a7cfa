"""Train leaves a process behind, twice forked and in a session of its own."""

STUDY = "halves"
TRAIN = """
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        words = [sys.executable, "-c", "import time; time.sleep(15)", TOKEN]
        os.execve(sys.executable, words, {})
    os._exit(0)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
