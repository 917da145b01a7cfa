"""The archive: elites by niche, near misses, dead ends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from nightlab.types import Decision, History, Lesson, Niche

_LEVEL: Mapping[str, float] = {}


def elites(lessons: Sequence[Lesson], ahead: Mapping[str, float] = _LEVEL) -> dict[Niche, Lesson]:
    """The best of each niche, the best niche first. It need not have been kept, but broke no rule.

    `ahead` says by how much each earlier campaign's baseline was better than this one's.
    """

    def over(lesson: Lesson) -> float:
        known = lesson.over_baseline
        return -math.inf if known is None else known + ahead.get(lesson.campaign, 0.0)

    best: dict[Niche, Lesson] = {}
    for lesson in lessons:
        if not math.isfinite(over(lesson)) or lesson.trial.broke_a_rule:
            continue
        if lesson.niche not in best or over(lesson) > over(best[lesson.niche]):
            best[lesson.niche] = lesson
    return dict(sorted(best.items(), key=lambda each: -over(each[1])))


def ahead_of(past: History, history: History) -> float:
    """By how much the baseline of an earlier campaign was better; 0 for the same commit."""
    then, now = past.anchor(), history.anchor()
    if past.baseline.commit == history.baseline.commit or then is None or now is None:
        return 0.0
    return history.direction.sign * (then - now)


def near_misses(lessons: Sequence[Lesson], history: History) -> list[Lesson]:
    """Trials that were not kept, and were no clear loss; the most promising first.

    Their gain is above minus one standard error. What the incumbent has already is none, and what
    broke a rule of the policy comes last.
    """
    found = [
        lesson
        for lesson in _decided(lessons, Decision.DISCARD)
        if lesson.gain is not None and lesson.gain > -(lesson.error or 0.0)
    ]
    new = _without(found, history) if found else []
    return sorted(new, key=lambda lesson: (lesson.trial.broke_a_rule, -(lesson.gain or 0.0)))


def dead_ends(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Crashes and clear losses, as they came."""
    crashed = {id(each) for each in _decided(lessons, Decision.CRASH)}
    lost = {
        id(lesson)
        for lesson in _decided(lessons, Decision.DISCARD)
        if lesson.gain is not None and lesson.gain < -3 * (lesson.error or 0.0)
    }
    return [lesson for lesson in lessons if id(lesson) in crashed | lost]


def _decided(lessons: Sequence[Lesson], decision: Decision) -> Iterable[Lesson]:
    return (
        each for each in lessons if each.trial.verdict and each.trial.verdict.decision is decision
    )


def _without(lessons: Iterable[Lesson], history: History) -> list[Lesson]:
    """Those that are not in the incumbent: not its edits, and not the values that it has."""
    line = history.lineage()
    states = {trial.state for trial in (*line, history.incumbent) if trial.state}
    prints = {trial.fingerprint for trial in line if trial.fingerprint}
    values = history.incumbent.parameters
    return [
        lesson
        for lesson in lessons
        if (trial := lesson.trial).state not in states
        and trial.fingerprint not in prints
        and (
            trial.edited
            or not trial.moved
            or any(n not in values or values[n] != v for n, v in trial.moved.items())
        )
    ]
