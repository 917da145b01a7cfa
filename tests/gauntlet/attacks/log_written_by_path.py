"""Serve writes the metric into evaluate's log, which lies beside its own."""

STUDY = "halves"
SERVE = r"""
import os, signal, threading, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
log = os.readlink("/proc/self/fd/2").replace(".serve.", ".evaluate.")
def forge():
    for _ in range(100):
        time.sleep(0.02)
        with open(log, "a") as file:
            file.write("loss: 0.0\n")
threading.Thread(target=forge).start()
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
