"""Train prints sixty megabytes, and then the metric."""

STUDY = "halves"
TRAIN = """
print("loss: 0.0")
for _ in range(60):
    sys.stdout.write("x" * (1 << 20))
print("loss: 0.0")
"""
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
