"""Train takes a key from the home folder."""

from gauntlet.attack import Place

STUDY = "halves"
TRAIN = """
if "password" in Path(HOME, ".netrc").read_text():
    print("breached: 1")
"""


def prepare(place: Place) -> None:
    """Something to steal."""
    (place.home / ".netrc").write_text("machine example.org password secret")


EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
