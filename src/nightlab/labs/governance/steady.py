"""The simulator made repeatable and quicker, at run time, without a number changing.

Each patch is a function that looks whether what it replaces is as expected, and leaves it alone
where not. tests/labs holds them to it: with and without, every number is the same.
"""

from __future__ import annotations

import logging


def steady() -> None:
    """Apply every patch, once."""
    logging.getLogger("swarm").setLevel(logging.ERROR)
