"""The archive: elites by niche, near misses, dead ends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from nightlab.types import Decision, History, Lesson, Niche

_NEAR = 12
_DEAD = 8


def elites(lessons: Sequence[Lesson]) -> dict[Niche, Lesson]:
    """The best of each niche, the best niche first. It need not have been kept.

    Campaigns differ in their baselines, so what is compared is the gain over each one's own.
    """
    best: dict[Niche, Lesson] = {}
    for lesson in lessons:
        if lesson.over_baseline is None or not math.isfinite(lesson.over_baseline):
            continue
        if lesson.niche not in best or lesson.over_baseline > _over(best[lesson.niche]):
            best[lesson.niche] = lesson
    return dict(sorted(best.items(), key=lambda each: -_over(each[1])))


def near_misses(lessons: Sequence[Lesson], history: History) -> list[Lesson]:
    """Trials that were not kept, and were no clear loss; the most promising first.

    Their gain is above minus one standard error. What the incumbent has already is none.
    """
    found = [
        lesson
        for lesson in _decided(lessons, Decision.DISCARD)
        if lesson.gain is not None and lesson.gain > -(lesson.error or 0.0)
    ]
    new = _without(found, history) if found else []
    return sorted(new, key=lambda lesson: -(lesson.gain or 0.0))[:_NEAR]


def dead_ends(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Crashes and clear losses: the last of the ones, the largest of the others."""
    losses = [
        lesson
        for lesson in _decided(lessons, Decision.DISCARD)
        if lesson.gain is not None and lesson.gain < -3 * (lesson.error or 0.0)
    ]
    worst = sorted(losses, key=lambda lesson: lesson.gain or 0.0)[:_DEAD]
    chosen = {id(each) for each in [*list(_decided(lessons, Decision.CRASH))[-_DEAD:], *worst]}
    return [lesson for lesson in lessons if id(lesson) in chosen]


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


def _over(lesson: Lesson) -> float:
    return -math.inf if lesson.over_baseline is None else lesson.over_baseline
