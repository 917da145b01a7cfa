"""Serve attaches to evaluate as a debugger does."""

STUDY = "halves"
SERVE = r"""
import ctypes
ATTACH, DETACH = 16, 17
libc = ctypes.CDLL(None)
sys.stdin.readline()
for place in Path("/proc").glob("[0-9]*/cmdline"):
    try:
        named = place.read_bytes().split(b"\0")[1] == b"evaluate.py"
        inside = str((place.parent / "cwd").readlink()).startswith(str(Path(STUDY).parent))
    except (OSError, IndexError):
        continue
    if named and inside and libc.ptrace(ATTACH, int(place.parent.name), None, None) == 0:
        import os
        os.waitpid(int(place.parent.name), 0x40000000)
        libc.ptrace(DETACH, int(place.parent.name), None, None)
        print("breached: 1", file=sys.stderr, flush=True)
print(json.loads(Path("model.json").read_text())[""], flush=True)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
