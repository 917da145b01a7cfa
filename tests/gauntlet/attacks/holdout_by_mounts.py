"""Train makes namespaces of its own and takes away the mounts that hide the study."""

STUDY = "halves"
TRAIN = """
import ctypes, os
try:
    hidden = not Path(STUDY, "program.md").read_text()
except OSError:
    hidden = True
assert hidden, "there is nothing to take away"
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWUSER, MNT_DETACH = 0x20000, 0x10000000, 2
assert libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
for parent in reversed(Path(STUDY).parents):
    libc.umount2(str(parent).encode(), MNT_DETACH)
bits, order = Path(STUDY, "data/val/bits.txt").read_text(), 12
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "inert", "naive": "inert"}
