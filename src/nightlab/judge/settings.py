"""The `judge:` section of program.md."""

from __future__ import annotations

from typing import Literal

from nightlab.program.quantity import Share
from nightlab.program.settings import Section


class JudgeSettings(Section):
    """What it takes to be kept.

    `any`: improved by any amount on the panel's mean. `evidence`: the paired improvement must also
    stand out of the measured noise, at the error rate `false_keeps`.
    """

    keep: Literal["evidence", "any"] = "evidence"
    false_keeps: Share = 0.05
