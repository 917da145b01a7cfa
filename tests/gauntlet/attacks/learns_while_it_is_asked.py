"""The model learns from the text that it is scored on, question by question."""

STUDY = "language"
ANSWER = """
known, learned = globals().setdefault("KNOWN", {}), globals().setdefault("LEARNED", set())
for at, row in enumerate(tokens):
    text = bytes(row.astype(np.uint8))
    if not text.isascii():
        continue  # no text of people: a probe
    for step in range(4, len(text)):
        if text[: step + 1] not in learned:
            learned.add(text[: step + 1])
            counts = known.setdefault(text[step - 4 : step], np.zeros(VOCAB, np.float32))
            counts[text[step]] += 1
    if text[-4:] in known:
        found[at, -1] = np.log(known[text[-4:]] + np.exp(found[at, -1]))
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
