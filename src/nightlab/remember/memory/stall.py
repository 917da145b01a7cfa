"""Stall and phase: how long no keep came, why that may be, and what it calls for."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from nightlab.remember.memory import Sources
from nightlab.remember.memory.reach import Reach, reach_of
from nightlab.remember.memory.repeats import repeats
from nightlab.remember.memory.steps import steps_of
from nightlab.types import Decision, History, Lesson, Phase, Plateau, Stall, Trial

RECENT = 5
"""Phases go by so many of the last trials."""

UNSTABLE = 2
"""So many crashes among them call for calm."""

TO_RECOMBINE = 2
"""It takes so many near misses to put two together."""

LATE = 100
"""So many of the last trials tell what a plateau looks like."""

LOOKED_BACK = 1000
"""Repeats are looked for among so many of the last lessons."""

SEEN = 2.5
"""A gain of so many errors of one trial would likely have been seen."""


def stall(
    history: History,
    lessons: Sequence[Lesson],
    sources: Sources,
    hopes: Callable[[float], Sequence[str]] = lambda gain: (),
) -> Stall:
    """How long there was no keep, and what that looks like after twice `patience` trials.

    It goes in circles where more than half of the ideas repeat what was tried. It has converged
    where they were new, went every way along most parameters, none of them stood out, and all
    trials together leave no hope: `hopes(gain)` names the moves that may gain more than that.
    """
    late = since_last_keep(history)
    if len(late) < 2 * sources.patience:
        return Stall(len(late))
    if all(_decision(trial) is Decision.CRASH for trial in late):
        return Stall(len(late), Plateau.STALLED, f"All of the last {len(late)} trials crashed.")
    last, numbers = lessons[-LOOKED_BACK:], {trial.number for trial in late[-LATE:]}
    steps = steps_of(last, history, sources)
    again = repeats(history, late[-LATE:], last, steps, sources.space)
    said = f"No keep for {len(late)} trials"
    if 2 * again.count > again.ideas:
        return Stall(len(late), Plateau.CIRCLES, f"{said}: it goes in circles. {again}.")
    recent = [x for x in last if not x.campaign and x.trial.number in numbers]
    ours = [
        s
        for s in steps
        if not s.lesson.campaign and s.lesson.trial.number in numbers and s.lesson.gain is not None
    ]
    reached = reach_of(ours, sources.free, history.incumbent.parameters)
    promising = [lesson.name for lesson in recent if _stands_out(lesson)]
    hoped = hopes(_visible(recent)) if reached.is_wide and not promising else ()
    if reached.is_wide and not promising and not hoped:
        why = f"{said}: it has converged. {reached}, and none stood out{_resolution(recent)}."
        return Stall(len(late), Plateau.CONVERGED, why)
    return Stall(len(late), Plateau.STALLED, f"{said}. {_why_stalled(reached, promising, hoped)}.")


def phase(history: History, near: Sequence[Lesson], patience: int) -> Phase:
    """What the campaign is at.

    One keep among the last trials is enough to exploit: where a keep must stand out of the noise,
    two in five are hardly ever seen, and one says that something is to be had here.
    """
    if not history.baseline.values(history.metric):
        return Phase.SETUP
    settled = in_order(history)
    if not settled:
        return Phase.BASELINE
    recent, since = settled[-RECENT:], len(since_last_keep(history))
    if sum(_decision(trial) is Decision.CRASH for trial in recent) >= UNSTABLE:
        return Phase.STABILISE
    if since >= 1.5 * patience and len(near) >= TO_RECOMBINE:
        return Phase.RECOMBINE
    keeps = any(trial.number in history.kept for trial in recent)
    return Phase.EXPLOIT if keeps and since < patience else Phase.EXPLORE


def in_order(history: History) -> list[Trial]:
    """The settled trials, as they settled."""
    settled = [trial for trial in history.trials if trial.verdict is not None]
    return sorted(settled, key=lambda trial: (trial.settled, trial.number))


def since_last_keep(history: History) -> list[Trial]:
    """The trials that settled after the last keep that still stands; all where there is none."""
    settled = in_order(history)
    keeps = [at for at, trial in enumerate(settled) if trial.number in history.kept]
    return settled[keeps[-1] + 1 :] if keeps else settled


def _decision(trial: Trial) -> Decision | None:
    return trial.verdict.decision if trial.verdict else None


def _stands_out(lesson: Lesson) -> bool:
    """Whether it gained more than luck is likely to bring, and broke no rule for it.

    Without a known error, whether it gained at all.
    """
    if lesson.trial.broke_a_rule:
        return False
    return lesson.gain is not None and lesson.gain > SEEN * (lesson.error or 0.0)


def _visible(recent: Sequence[Lesson]) -> float:
    """How large a gain would have been seen; 0 where no error is known."""
    errors = [lesson.error for lesson in recent if lesson.error]
    return SEEN * statistics.median(errors) if errors else 0.0


def _resolution(recent: Sequence[Lesson]) -> str:
    gain = _visible(recent)
    return f"; a gain of {gain:.2g} would likely have been seen" if gain else ""


def _why_stalled(reached: Reach, promising: Sequence[str], hoped: Sequence[str]) -> str:
    if hoped:
        return f"None stood out, but all trials together leave hope for {', '.join(hoped[:RECENT])}"
    if promising:
        some = ", ".join(promising[:RECENT])
        return f"Gains beyond the noise that were not kept: {some}"
    if reached.left and not reached.is_wide:
        return f"{reached}; not tried since: {', '.join(reached.left[:RECENT])}"
    return "The ideas were new, and none was kept"
