"""The words of the house: values, directions, purposes, outcomes, decisions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

Value: TypeAlias = bool | int | float | str
"""One value of a parameter."""

Parameters = Mapping[str, Value]
Metrics = Mapping[str, float]
Curve: TypeAlias = tuple[tuple[float, float], ...]


def one_line(text: str, width: int = 200) -> str:
    """Text from elsewhere, fit to be shown: one line, no control characters, not too long."""
    plain = " ".join(re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text).split())
    if not plain.isprintable():
        plain = "".join(sign for sign in plain if sign.isprintable())
    return plain if len(plain) <= width else plain[: width - 1] + "…"


class NightlabError(Exception):
    """Something the user can mend. The message is one line that says what and how."""


class Direction(str, Enum):
    """Which way the primary metric is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"

    @property
    def sign(self) -> int:
        """+1 where a larger value is better, -1 where a smaller one is."""
        return 1 if self is Direction.MAXIMIZE else -1


class Purpose(str, Enum):
    """Why a run was made.

    `panel` runs decide about a trial, `replicate` runs measure it again once it was kept: later
    trials must beat those. `confirm` and `validate` runs decide nothing about other trials: the
    first are what the report quotes, the second spend a longer budget.
    """

    BASELINE = "baseline"
    PANEL = "panel"
    REPLICATE = "replicate"
    CONFIRM = "confirm"
    VALIDATE = "validate"
    IMPORTED = "imported"


COMPARED = frozenset({Purpose.BASELINE, Purpose.PANEL, Purpose.REPLICATE, Purpose.IMPORTED})
"""Runs of one budget and one data set, whose values compare with each other."""


class Outcome(str, Enum):
    """How a run ended. Only `ok` carries a metric that may decide anything.

    `aborted` is a run that was stopped because it was hopeless: no failure of its own.
    """

    OK = "ok"
    CRASH = "crash"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    NO_METRIC = "no_metric"
    NOT_FINITE = "not_finite"
    HARNESS_CHANGED = "harness_changed"
    INTERRUPTED = "interrupted"
    ABORTED = "aborted"


class Decision(str, Enum):
    """What a verdict says of its trial."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
