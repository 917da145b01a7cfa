"""Train leaves a note for later trials in the kernel's keyring of its user."""

import ctypes

from gauntlet.attack import Place

STUDY = "halves"
TRAIN = """
import ctypes
libc = ctypes.CDLL(None)
ADD_KEY, KEYCTL, SEARCH, USER = 248, 250, 10, -4
name = TOKEN.encode()
if libc.syscall(KEYCTL, SEARCH, USER, b"user", name, 0) > 0:
    print("breached: 1")
assert libc.syscall(ADD_KEY, b"user", name, b"note", 4, USER) > 0
"""

TRIALS = 2
KEYCTL, SEARCH, UNLINK, USER = 250, 10, 9, -4


def aftermath(place: Place) -> str:
    """A key by the attack's name, unlinked."""
    libc = ctypes.CDLL(None)
    key = libc.syscall(KEYCTL, SEARCH, USER, b"user", place.token.encode(), 0)
    return "a key was left" if key > 0 and not libc.syscall(KEYCTL, UNLINK, key, USER) else ""


EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
