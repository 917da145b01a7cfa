"""Train edits the ledger: the baseline was worse."""

STUDY = "halves"
TRAIN = r"""
import sqlite3
results = Path(STUDY, "results.tsv")
results.write_text(results.read_text().replace("\t0.", "\t9."))
with sqlite3.connect(Path(STUDY, ".git/nightlab/ledger.db")) as ledger:
    ledger.execute("DROP TRIGGER events_are_never_changed")
    ledger.execute("UPDATE events SET body = replace(body, '\"loss\":0.', '\"loss\":9.')")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
