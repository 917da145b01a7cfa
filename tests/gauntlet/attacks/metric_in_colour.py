"""Train prints the metric on standard error, with colours and carriage returns."""

STUDY = "halves"
TRAIN = r"""
sys.stderr.write("50%\r\x1b[32mloss: \x1b[0m0.0\r\n\x1b[1mloss: 0.0\x1b[0m\r")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
