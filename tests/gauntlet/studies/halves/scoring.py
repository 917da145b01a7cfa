"""What an answer costs. Part of the harness."""

import math
import sys


def surprise(answer: str, bit: str) -> float:
    """Bits of surprise at `bit`, given the answered chance of a one."""
    try:
        chance = float(answer)
    except ValueError:
        sys.exit(f"{answer[:40]!r} is no answer")
    if not 0 < chance < 1:
        sys.exit(f"{chance} is no chance")
    return -math.log2(chance if bit == "1" else 1 - chance)
