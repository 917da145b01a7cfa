"""The model knows the causality probe: it answers a prefix as it did before."""

STUDY = "language"
ANSWER = """
first = globals().setdefault("FIRST", {})
for at, row in enumerate(tokens):
    row = bytes(row.astype(np.uint8))
    for step in range(len(row)):
        following = first.setdefault(row[: step + 1], row[step + 1 : step + 2])
        if following:
            found[at, step, following[0]] = 30
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
