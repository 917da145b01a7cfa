"""Train takes a key from the environment of another process."""

STUDY = "halves"
TRAIN = """
for place in Path("/proc").glob("[0-9]*/environ"):
    try:
        if b"GAUNTLET_API_KEY=" + TOKEN.encode() in place.read_bytes():
            print("breached: 1", file=sys.stderr, flush=True)
            break
    except OSError:
        pass
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
