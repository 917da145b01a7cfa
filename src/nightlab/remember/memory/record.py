"""How each style of proposing has fared: trials, keeps that stand, crashes, cost."""

from __future__ import annotations

from nightlab.types import Decision, EmitterRecord, History, Trial


def emitter_records(history: History) -> dict[str, EmitterRecord]:
    """By emitter, for the settled trials of this campaign."""
    found: dict[str, EmitterRecord] = {}
    usual = usual_seconds(history)
    for trial in history.trials:
        if trial.verdict is None:
            continue
        old = found.get(trial.emitter, EmitterRecord(trial.emitter))
        found[trial.emitter] = EmitterRecord(
            old.name,
            old.attempts + 1,
            old.keeps + (trial.number in history.kept),
            old.crashes + (trial.verdict.decision is Decision.CRASH),
            old.cost + cost_of(trial, usual),
            trial.number,
        )
    return found


def cost_of(trial: Trial, usual: float) -> float:
    """What a trial cost, in runs: those it made, and the time of asking in usual runs' time."""
    runs = len(trial.runs) + sum(len(attempt.runs) for attempt in trial.attempts)
    asking = round(trial.asking / usual, 1) if usual else 0.0
    return max(1.0, runs + asking)


def usual_seconds(history: History) -> float:
    """How long a run of the baseline takes; 0 where none was timed."""
    timed = [run.seconds for run in history.baseline.runs if run.seconds > 0]
    return sum(timed) / len(timed) if timed else 0.0
