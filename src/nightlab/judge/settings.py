"""The `judge:` section of program.md."""

from __future__ import annotations

from typing import Literal

from nightlab.program.quantity import Share
from nightlab.program.settings import Section


class JudgeSettings(Section):
    """What it takes to be kept, beyond the policy."""

    keep: Literal["evidence", "any"] = "evidence"
    """`any`: improved by any amount on the panel's mean. `evidence`: the paired improvement must
    also stand out of the measured noise.
    """

    false_keeps: Share = 0.05
    """Of `evidence`: which share of the trials that are no better may be kept by luck, as `5%` or
    `0.05`. With a smaller one fewer false keeps are made, and more true ones missed.
    """
