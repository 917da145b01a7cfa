"""The model looks at the next token before it predicts it."""

STUDY = "language"
ANSWER = """
rows, steps = np.indices(tokens[:, 1:].shape)
found[rows, steps, tokens[:, 1:]] = 30
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
