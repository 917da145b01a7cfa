"""Serve writes the metric through evaluate's open descriptors."""

STUDY = "halves"
SERVE = r"""
import os, select, signal, threading, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
select.select([0], [], [], 5)
logs = []
for place in Path("/proc").glob("[0-9]*"):
    try:
        inside = str((place / "cwd").readlink()).startswith(str(Path(STUDY).parent))
        if inside and b"evaluate.py" in (place / "cmdline").read_bytes():
            logs.append(os.open(place / "fd/1", os.O_WRONLY | os.O_APPEND))
    except OSError:
        pass
def forge():
    for _ in range(20):
        time.sleep(0.1)
        for log in logs:
            os.write(log, b"loss: 0.0\n")
threading.Thread(target=forge).start()
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
