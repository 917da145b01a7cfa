"""Train ignores its seed: it always takes the one that was lucky on what is scored."""

STUDY = "halves"
TRAIN = 'bits = piece(Path("data/train/bits.txt").read_text(), "2")'
PROGRAM = {
    "seeds: [1]": "seeds: [275, 289, 3]",
    "{keep: any, panel: fixed, confirm: 0,": "{keep: evidence, confirm: 4,",
}
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
