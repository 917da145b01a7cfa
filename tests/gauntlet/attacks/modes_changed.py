"""Train changes the rights to the study's files, so that nobody may read them."""

STUDY = "halves"
TRAIN = 'Path(STUDY, ".git/config").chmod(0)'
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
