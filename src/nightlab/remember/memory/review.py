"""The review of a trial: what it was worth for what is tried next, also where it was not kept.

`score = fitness + novelty + information + surprise - complexity - memory_cost`, as the research
loops of 2026 with an archive have it. Their constants are for a loss of about 1, in bits per byte.
Here gains count as shares of the baseline, and what is a clear gain and what a tie comes from the
measured noise. The judge decides: no score keeps anything, and a keep needs none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from nightlab.remember.memory import Sources, recall
from nightlab.remember.memory.crashes import crash_of
from nightlab.remember.memory.diffs import Diff, read_diff
from nightlab.remember.memory.lessons import by_commit, lesson_of, lessons_of
from nightlab.remember.memory.niche import memory_beside
from nightlab.remember.memory.review_lines import review_lines
from nightlab.remember.memory.then import as_settled, baseline_at, history_after, in_order
from nightlab.types import (
    History,
    Lesson,
    NightlabError,
    Prediction,
    Recommendation,
    Review,
)

CLEAR = 0.001
BIG = 0.0015
TIE = 0.0002
"""Shares of the baseline that are a clear gain, a big move and a tie, where no noise is known."""

ERRORS = 2.0
"""Standard errors that count as a clear gain, where they are known."""

IN_A_ROW = 3
"""So many trials in a row may be worth another look; with an empty memory nearly all would be."""


def review(history: History, number: int, sources: Sources) -> Review:
    """Of a settled trial, by what was known when it was settled.

    Raises NightlabError for the baseline, for a trial that is open, and for one that is not there.
    """
    for found in reviews(history, sources):
        if found.trial == number:
            then = history_after(history, number)
            return replace(found, lines=review_lines(found, then, recall(then, sources)))
    raise NightlabError(f"trial {number} has no review: only a trial with a verdict has one")


def reviews(history: History, sources: Sources) -> Iterator[Review]:
    """Of every settled trial, in the order in which they were settled; without lines."""
    known, made = _Known.of(sources), by_commit(history)
    for trial in in_order(history):
        then = replace(history, baseline=baseline_at(history, trial.settled))
        lesson = lesson_of(as_settled(trial), then, "", made)
        found = _review(lesson, then, known, sources.patience)
        known.learn(lesson, trial.was_kept, found.recommendation)
        yield found


@dataclass
class _Known:
    """What was known before a trial: how often each thing had been tried."""

    niches: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    emitters: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    since_keep: int = 0
    investigated: int = 0

    @classmethod
    def of(cls, sources: Sources) -> _Known:
        """What earlier campaigns have taught."""
        known = cls()
        for past in sources.past:
            for lesson in lessons_of(past.history, past.tag):
                known.count(lesson)
        return known

    def count(self, lesson: Lesson) -> None:
        """One more trial."""
        self.niches[str(lesson.niche)] += 1
        self.kinds[lesson.niche.kind] += 1
        self.emitters[lesson.trial.emitter] += 1
        self.crashes[crash_of(lesson.trial)] += 1

    def learn(self, lesson: Lesson, kept: bool, advice: Recommendation) -> None:
        """One more trial of the campaign that is reviewed."""
        self.count(lesson)
        self.since_keep = 0 if kept else self.since_keep + 1
        again = advice is Recommendation.INVESTIGATE
        self.investigated = self.investigated + 1 if again else 0


def _review(lesson: Lesson, then: History, known: _Known, patience: int) -> Review:
    trial, diff, crash = lesson.trial, read_diff(lesson.trial.diff), crash_of(lesson.trial)
    unit = _unit(then)
    fitness = _fitness(lesson, unit, diff)
    novelty = _novelty(lesson, known)
    information = 0.25 / math.sqrt(known.kinds[lesson.niche.kind] + 1)
    information += 0.2 if crash and not known.crashes[crash] else 0.0
    information += 0.1 if known.since_keep >= patience else 0.0
    surprise = _surprise(lesson, bool(crash), _threshold(lesson, unit, BIG))
    complexity = complexity_of(diff)
    share = None if crash else memory_beside(trial, then.baseline)
    memory_cost = 0.5 * max(0.0, share - 1) if share is not None else 0.0
    score = fitness + novelty + information + surprise - complexity - memory_cost
    found = Review(
        trial=trial.number,
        niche=lesson.niche,
        fitness=round(fitness, 4),
        novelty=round(novelty, 4),
        information=round(information, 4),
        surprise=round(surprise, 4),
        complexity=round(complexity, 4),
        memory_cost=round(memory_cost, 4),
        score=round(score, 4),
        recommendation=Recommendation.DISCARD,
        improvement=lesson.gain,
        over_baseline=lesson.over_baseline,
        crash=crash,
    )
    return replace(found, recommendation=_advice(found, lesson, diff, unit, known.investigated))


def _unit(then: History) -> float:
    """The size of the baseline's value, by which gains are shares; 1 where that is 0 or unknown."""
    anchor = then.anchor()
    return abs(anchor) if anchor and math.isfinite(anchor) else 1.0


def _threshold(lesson: Lesson, unit: float, share: float) -> float:
    """A gain as large as this share of the baseline; by the standard error where it is known."""
    return ERRORS * lesson.error * share / CLEAR if lesson.error else share * unit


def _fitness(lesson: Lesson, unit: float, diff: Diff) -> float:
    if lesson.gain is None:
        return 0.0
    simpler = abs(lesson.gain) <= _threshold(lesson, unit, TIE) and diff.net < 0
    return 100 * max(0.0, lesson.gain) / unit + (0.1 if simpler else 0.0)


def _novelty(lesson: Lesson, known: _Known) -> float:
    counts = (
        known.niches[str(lesson.niche)],
        known.kinds[lesson.niche.kind],
        known.emitters[lesson.trial.emitter],
    )
    weighed = zip((0.35, 0.2, 0.1), counts, strict=True)
    return sum(weight / math.sqrt(count + 1) for weight, count in weighed)


def _surprise(lesson: Lesson, crashed: bool, big: float) -> float:
    """How far it came out otherwise than it was predicted."""
    if crashed:
        return 0.15
    if lesson.gain is None:
        return 0.0
    expected = lesson.trial.predicted == Prediction.IMPROVE.value
    if (lesson.gain > 0) != expected:
        return 0.15 if expected else 0.2
    return 0.1 if abs(lesson.gain) > big else 0.0


def complexity_of(diff: Diff) -> float:
    """What a diff costs whoever reads it later; below zero where it leaves less to read."""
    lines = 0.02 * max(0, diff.net) - 0.01 * max(0, -diff.net)
    return lines + 0.05 * diff.hunks + (0.15 if diff.marked else 0.0)


def _advice(
    found: Review, lesson: Lesson, diff: Diff, unit: float, investigated: int
) -> Recommendation:
    """What the judge kept is to be kept. What only looks better is worth another look, at most."""
    if found.crash:
        return Recommendation.DISCARD
    if lesson.trial.was_kept:
        return Recommendation.KEEP
    gain, tie = lesson.gain, _threshold(lesson, unit, TIE)
    clear = gain is not None and gain > _threshold(lesson, unit, CLEAR)
    cheap = gain is not None and gain > 0 and found.complexity <= 0.2
    simpler = gain is not None and gain >= -tie and diff.net < 0
    if not (clear or cheap or simpler or found.score >= 0.5) or investigated >= IN_A_ROW:
        return Recommendation.DISCARD
    return Recommendation.INVESTIGATE
