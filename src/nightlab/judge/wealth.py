"""The error that a campaign may still spend: how false keeps are kept rare over many trials."""

from __future__ import annotations

from nightlab.types import History

_START = 5.0
"""A campaign begins with the credit of so many keeps."""

_PART = 0.3
"""A test may spend this part of what is left."""


def error_left(history: History, false_keeps: float) -> float:
    """What is left to be spent: it shrinks with each test, and grows with each keep.

    Alpha-investing: a test at level a costs a / (1 - a) if it keeps nothing, and a keep earns
    `false_keeps`. The expected number of false keeps is then at most `false_keeps` times the
    expected number of keeps plus five. Source: Foster & Stine, Alpha-investing: a procedure for
    sequential control of expected false discoveries, 2008. What was demoted since was kept by its
    test, and later tests have spent what it earned.
    """
    left = _START * false_keeps
    for trial in history.trials:
        verdict = trial.verdict
        level = verdict.evidence.get("level") if verdict else None
        if verdict and level:
            left += false_keeps if trial.was_kept else -level / (1 - level)
    return left


def next_level(history: History, false_keeps: float) -> float:
    """The chance of luck that the next test may take: a part of what is left."""
    left = max(0.0, error_left(history, false_keeps))
    return _PART * left / (1 + _PART * left)
