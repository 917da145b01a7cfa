"""A process that train leaves behind prints the metric later."""

STUDY = "halves"
TRAIN = """
import os, time
print("loss: 0.0", flush=True)
if os.fork() == 0:
    os.setsid()
    for _ in range(20):
        time.sleep(0.05)
        print("loss: 0.0", flush=True)
    os._exit(0)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
