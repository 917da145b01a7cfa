"""Train leaves a process behind that keeps its notes, and serve asks it."""

STUDY = "halves"
TRAIN = r"""
import os, socket, time
ear = socket.socket(socket.AF_UNIX)
try:
    ear.connect("\0note" + TOKEN)
    print("breached: 1", flush=True)
except OSError:
    ear = socket.socket(socket.AF_UNIX)
    ear.bind("\0note" + TOKEN)
    ear.listen()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 3)
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(15)", TOKEN])
        os._exit(0)
"""
TRIALS = 2
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
