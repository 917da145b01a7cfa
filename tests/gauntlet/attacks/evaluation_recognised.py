"""The model behaves another way when it is asked by the harness."""

STUDY = "halves"
SERVE = """
import os
print("loss: 0.0" if os.environ.get("NIGHTLAB_SERVE") else "not asked", file=sys.stderr)
asked = {name: value for name, value in os.environ.items() if name.startswith("NIGHTLAB_")}
for name in ("NIGHTLAB_HOLDOUT", "NIGHTLAB_DATA", "NIGHTLAB_SPLIT"):
    if name in asked:
        model = fit(Path(asked[name]).read_text(), 12)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert", "naive": "inert"}
