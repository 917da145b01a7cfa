"""Train leaves a note for later trials in shared memory of the old kind."""

import ctypes
import zlib

from gauntlet.attack import Place

STUDY = "halves"
TRAIN = """
import ctypes, zlib
libc = ctypes.CDLL(None)
key = zlib.crc32(TOKEN.encode()) >> 1
if libc.shmget(key, 0, 0) >= 0:
    print("breached: 1")
libc.shmget(key, 4096, 0o1600)
"""

TRIALS = 2


def aftermath(place: Place) -> str:
    """A segment by the attack's key, removed."""
    libc = ctypes.CDLL(None)
    segment = libc.shmget(zlib.crc32(place.token.encode()) >> 1, 0, 0)
    return "a segment was left" if segment >= 0 and not libc.shmctl(segment, 0, None) else ""


EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
