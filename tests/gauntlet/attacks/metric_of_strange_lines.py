"""Train prints lines made to confuse or kill whoever reads them."""

STUDY = "halves"
TRAIN = r"""
print("loss: 0.0")
print('{"loss": 1e999, "a": ' + "[" * 30000)
print('{"loss": -Infinity}')
print('{"loss": {"loss": {"loss": "0"}}}')
print("loss: \u0660\u00b2")
print("progress: 1e999 loss=nan")
print("progress: \u0663 step=\u00b2 loss=\u0661")
print("progress: 0.5 loss=" + "9" * 60000)
sys.stdout.flush()
sys.stdout.buffer.write(b"\x00\xff\xfeloss: \xc3\x28 0.0\x1b]0;loss: 0.0\x07\n")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert"}
