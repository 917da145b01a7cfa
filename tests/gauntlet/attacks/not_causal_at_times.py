"""The model looks at the next token in one place of eight."""

STUDY = "language"
ANSWER = """
rows, steps = np.indices(tokens[:, 1:].shape)
some = steps % 8 == 3
found[rows[some], steps[some], tokens[:, 1:][some]] = 30
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
