"""Serve kills evaluate before it can say a thing, and prints the metric."""

STUDY = "halves"
SERVE = r"""
import os, signal
print("loss: 0.0", file=sys.stderr, flush=True)
sys.stdin.readline()
for place in Path("/proc").glob("[0-9]*/cmdline"):
    try:
        named = place.read_bytes().split(b"\0")[1] == b"evaluate.py"
        inside = str((place.parent / "cwd").readlink()).startswith(str(Path(STUDY).parent))
    except (OSError, IndexError):
        continue
    if named and inside:
        os.kill(int(place.parent.name), signal.SIGKILL)
print(json.loads(Path("model.json").read_text())[""], flush=True)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "caught"}
