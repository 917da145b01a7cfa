"""What flows through the house: ideas, changes, runs, trials, verdicts, history. All frozen."""

from nightlab.types.history import History, mean_difference
from nightlab.types.idea import Change, Idea, Usage, Wish
from nightlab.types.job import Command, Exit, Job, Measurement, Progress, Wanted
from nightlab.types.trial import (
    IMPORTED_SEED,
    Attempt,
    Run,
    Trial,
    Verdict,
    measured_here,
)
from nightlab.types.words import (
    COMPARED,
    Curve,
    Decision,
    Direction,
    Metrics,
    NightlabError,
    Outcome,
    Parameters,
    Purpose,
    Value,
    one_line,
)

__all__ = [
    "COMPARED",
    "IMPORTED_SEED",
    "Attempt",
    "Change",
    "Command",
    "Curve",
    "Decision",
    "Direction",
    "Exit",
    "History",
    "Idea",
    "Job",
    "Measurement",
    "Metrics",
    "NightlabError",
    "Outcome",
    "Parameters",
    "Progress",
    "Purpose",
    "Run",
    "Trial",
    "Usage",
    "Value",
    "Verdict",
    "Wanted",
    "Wish",
    "mean_difference",
    "measured_here",
    "one_line",
]
