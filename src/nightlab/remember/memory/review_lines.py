"""A review as text: a handful of lines, for people and for agents."""

from __future__ import annotations

from nightlab.remember.memory.diffs import read_diff
from nightlab.remember.memory.niche import memory_of, millions_of
from nightlab.types import Conjecture, History, Memory, Review, Standing, Trial, one_line

_CONJECTURES = 4


def review_lines(review: Review, then: History, memory: Memory) -> tuple[str, ...]:
    """What was measured, what it was worth, what it taught; as known when it had settled."""
    trial = then.trial(review.trial)
    classified = f"{review.niche}; proposed by {one_line(trial.emitter, 40) or 'nobody named'}"
    files = ", ".join(one_line(name, 80) for name in trial.files[:3])
    return (
        *_outcome(review, trial, then, memory),
        f"Classification: {classified}, predicted {trial.predicted or 'uncertain'}",
        f"Diff summary: {read_diff(trial.diff)}" + (f" of {files}" if files else ""),
        f"Discovery score: {score_line(review)}",
        f"Recommendation: {review.recommendation.value}",
        *(f"Updated conjecture: {each}" for each in taught(trial, memory)),
        f"Current best: {_best(then)}",
    )


def score_line(review: Review) -> str:
    """`0.81 = fitness 0.2 + novelty 0.65 + information 0.25 + … - memory 0`."""
    gained = [
        f"{name} {getattr(review, name):.4g}"
        for name in ("fitness", "novelty", "information", "surprise")
    ]
    paid = f"complexity {review.complexity:.4g} - memory {review.memory_cost:.4g}"
    return f"{review.score:.4g} = {' + '.join(gained)} - {paid}"


def taught(trial: Trial, memory: Memory) -> list[str]:
    """The conjectures that this trial speaks for or against."""
    name = str(trial.number)
    told = [each for each in memory.conjectures if name in (*each.for_it, *each.against)]
    return [_conjecture(each, name) for each in told[:_CONJECTURES]]


def _conjecture(conjecture: Conjecture, name: str) -> str:
    side = "for" if name in conjecture.for_it else "against"
    state = "dead" if conjecture.standing is Standing.DEAD else f"{conjecture.strength:.2f}"
    return f"speaks {side} «{one_line(conjecture.claim)}» ({state})"


def _outcome(review: Review, trial: Trial, then: History, memory: Memory) -> list[str]:
    """What was measured, or how it crashed."""
    if review.crash:
        times = next((c.count for c in memory.crashes if c.signature == review.crash), 1)
        often = "for the first time" if times <= 1 else f"{times} times so far"
        return [f"Crash: «{one_line(review.crash)}», {often}"]
    found, small, memory_mb = then.estimate(trial), millions_of(trial), memory_of(trial)
    told = [f"{then.metric} {found:.6g}" if found is not None else f"no {then.metric}"]
    told += [f"{small:.4g} M parameters"] if small is not None else []
    told += [f"{memory_mb:.0f} MB"] if memory_mb is not None else []
    return [
        f"Metrics: {', '.join(told)}",
        f"Delta vs best before it: {_delta(review.improvement)}",
        f"Delta vs baseline: {_delta(review.over_baseline)}",
    ]


def _delta(gain: float | None) -> str:
    """Better is positive, whichever way the metric goes."""
    return "unknown" if gain is None else f"{abs(gain):.4g} {'better' if gain > 0 else 'worse'}"


def _best(then: History) -> str:
    best, value = then.incumbent, then.estimate(then.incumbent)
    who = f"trial {best.number}" if best.number else "the baseline"
    return f"{who}, {then.metric} {'unknown' if value is None else f'{value:.6g}'}"
