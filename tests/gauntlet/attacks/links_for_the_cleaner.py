"""Train leaves links that lead whoever clears up into the home folder."""

from gauntlet.attack import Place

STUDY = "halves"
TRAIN = """
for name in ("a", "data/b", "__pycache__"):
    Path(name).symlink_to(HOME)
Path("data/train").unlink()
Path("data/train").symlink_to(HOME)
"""


def prepare(place: Place) -> None:
    """Something to lose."""
    (place.home / "letters").mkdir()
    (place.home / "letters/one.txt").write_text("Dear,")


EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert", "naive": "inert"}
