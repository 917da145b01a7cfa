"""Train reads what is scored in an installed package."""

from gauntlet.venv import own_venv

STUDY = "halves"
TRAIN = """
import answers
bits, order = Path(answers.__file__).with_name("bits.txt").read_text(), 12
"""
PROGRAM = {
    "data/val, data/holdout, answers.txt": "data/val, data/holdout, answers.txt, 'package:answers'"
}
prepare = own_venv
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
