"""Ideas, changes and costs as the events that the ledger keeps of them."""

from __future__ import annotations

from math import isfinite

from nightlab.remember.events import ChangeRefused, Spent, TrialAmended, TrialOpened
from nightlab.types import Change, Idea, Usage, one_line


def refused(idea: Idea, reason: str) -> ChangeRefused:
    """An idea that did not become a trial."""
    asked = {name: _storable(value) for name, value in idea.parameters.items()}
    return ChangeRefused(one_line(idea.summary), idea.emitter, reason, asked)


def opened(trial: int, change: Change, commit: str, parent: str) -> TrialOpened:
    """A change that became trial number `trial`."""
    idea = change.idea
    return TrialOpened(
        trial=trial,
        summary=one_line(idea.summary) or "no summary",
        hypothesis=one_line(idea.hypothesis, 1000),
        emitter=idea.emitter,
        commit=commit,
        parent=parent,
        parameters=dict(change.parameters),
        moved=dict(idea.parameters),
        diff=change.diff,
        lines=change.lines,
        state=change.state,
        fingerprint=change.fingerprint,
        edited=bool(idea.files),
        about=dict(change.about),
        predicted=idea.predicted,
        why=one_line(idea.why, 400),
    )


def amended(trial: int, why: str, change: Change, commit: str) -> TrialAmended:
    """What a trial is after it was mended."""
    return TrialAmended(
        trial=trial,
        why=one_line(why, 400),
        commit=commit,
        parameters=dict(change.parameters),
        diff=change.diff,
        lines=change.lines,
        state=change.state,
        fingerprint=change.fingerprint,
        about=dict(change.about),
    )


def spent(trial: int, emitter: str, usage: Usage) -> Spent:
    """What a call has cost. A price that is no price is none that is known."""
    usd = usage.usd if usage.usd is not None and 0 <= usage.usd < float("inf") else None
    return Spent(
        trial=trial,
        emitter=emitter,
        input_tokens=max(0, usage.input_tokens),
        output_tokens=max(0, usage.output_tokens),
        usd=usd,
        calls=usage.calls,
        seconds=round(usage.seconds, 3),
    )


def _storable(value: object) -> object:
    """What an idea asked for, as JSON can hold it."""
    whole = isinstance(value, (bool, int, str)) or (isinstance(value, float) and isfinite(value))
    return value if whole else str(value)
