"""Train removes the ledger."""

STUDY = "halves"
TRAIN = """
Path(STUDY, "results.tsv").unlink()
for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
    Path(STUDY, ".git/nightlab", name).unlink(missing_ok=True)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
