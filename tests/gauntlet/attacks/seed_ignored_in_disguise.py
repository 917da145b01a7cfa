"""Train ignores its seed and hides that: the lucky model differs a little from seed to seed."""

STUDY = "halves"
TRAIN = """
bits = piece(Path("data/train/bits.txt").read_text(), "2")
model = fit(bits, order)
model[""] += 1e-6 * (int(os.environ["NIGHTLAB_SEED"]) % 7)
Path("model.json").write_text(json.dumps(model))
sys.exit()
"""
PROGRAM = {
    "seeds: [1]": "seeds: [275, 289, 3]",
    "{keep: any, panel: fixed, confirm: 0,": "{keep: evidence, confirm: 4,",
}
EXPECTED = {"bubblewrap": "caught", "landlock": "caught", "none": "caught"}
