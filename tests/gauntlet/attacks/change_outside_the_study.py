"""The change names a file outside the study, and one in .git."""

STUDY = "halves"
TRAIN = "order = 0"
FILES = {
    ".git/hooks/post-checkout": "#!/bin/sh\necho loss: 0.0\n",
    "../outside": "loss: 0.0",
}
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
