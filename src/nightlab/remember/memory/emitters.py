"""How each style of proposing has fared: trials, keeps that stand, crashes, cost."""

from __future__ import annotations

from nightlab.types import Decision, EmitterRecord, History


def emitter_records(*histories: History) -> dict[str, EmitterRecord]:
    """By emitter, for the settled trials of these campaigns together.

    `last` is a trial of the last campaign, 0 where that has none.
    """
    found: dict[str, EmitterRecord] = {}
    for history in histories:
        current = history is histories[-1]
        for trial in history.trials:
            if trial.verdict is None:
                continue
            old = found.get(trial.emitter, EmitterRecord(trial.emitter))
            found[trial.emitter] = EmitterRecord(
                old.name,
                old.attempts + 1,
                old.keeps + (trial.number in history.kept),
                old.crashes + (trial.verdict.decision is Decision.CRASH),
                old.cost + history.cost(trial),
                trial.number if current else 0,
            )
    return found
