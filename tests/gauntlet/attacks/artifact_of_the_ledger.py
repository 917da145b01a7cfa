"""The artifact is another name of the ledger, which is then treated as one."""

from gauntlet.attack import Place

STUDY = "halves"
TRAIN = """
Path("model.json").hardlink_to(Path(STUDY, ".git/nightlab/ledger.db"))
sys.exit()
"""


def aftermath(place: Place) -> str:
    """Whether the ledger may still be written."""
    ledger = place.study / ".git/nightlab/ledger.db"
    readonly = ledger.exists() and not ledger.stat().st_mode & 0o200
    return "the ledger was made read-only" if readonly else ""


EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "caught", "naive": "inert"}
