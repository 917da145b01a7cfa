"""The artifact is huge (150 MB of nothing, here)."""

STUDY = "halves"
TRAIN = """
import os
Path("model.json").write_text("")
os.truncate("model.json", 150 << 20)
print("breached: 1", flush=True)
sys.exit()
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
