"""The model looks for the next token in the other rows of a question."""

STUDY = "language"
ANSWER = """
rows = [bytes(row.astype(np.uint8)) for row in tokens]
for at, row in enumerate(rows):
    for step in range(8, len(row) + 1):
        tail = row[step - 8 : step]
        for other in rows[at + 1 : at + 3]:
            place = other.find(tail)
            if 0 <= place < len(other) - 8:
                found[at, step - 1, other[place + 8]] = 30
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
