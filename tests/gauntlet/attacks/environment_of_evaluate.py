"""Serve reads the environment of evaluate."""

STUDY = "halves"
SERVE = """
import select
select.select([0], [], [], 5)
for place in Path("/proc").glob("[0-9]*/environ"):
    try:
        inside = str((place.parent / "cwd").readlink()).startswith(str(Path(STUDY).parent))
        if inside and b"NIGHTLAB_" b"SERVE=" in place.read_bytes():
            print("breached: 1", file=sys.stderr, flush=True)
            break
    except OSError:
        pass
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered", "naive": "inert"}
