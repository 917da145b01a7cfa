"""What was known then: a campaign as it was just before one of its trials was settled.

Parallel trials settle out of order, a keep is measured again, and may be demoted: none of that may
leak back. A history says when trials opened and settled, and when runs began. When a keep was
demoted it does not say: that is right after its last further run had ended.
"""

from __future__ import annotations

from dataclasses import replace

from nightlab.types import Decision, History, Purpose, Run, Trial, Verdict

_AGAIN = (Purpose.REPLICATE, Purpose.CONFIRM, Purpose.VALIDATE)


def in_order(history: History) -> list[Trial]:
    """The settled trials, in the order in which they were settled."""
    return sorted((trial for trial in history.trials if trial.verdict is not None), key=_place)


def as_settled(trial: Trial) -> Trial:
    """A trial as it was when its verdict fell."""
    runs = tuple(r for r in trial.runs if r.purpose not in _AGAIN and _by(r, trial.settled))
    return replace(trial, runs=runs, verdict=_first_verdict(trial))


def baseline_at(history: History, moment: float) -> Trial:
    """The baseline with the runs that had begun by then."""
    runs = tuple(run for run in history.baseline.runs if _by(run, moment))
    return replace(history.baseline, runs=runs)


def history_before(history: History, number: int) -> History:
    """The campaign just before trial `number` was settled, which is open in it."""
    return _until(history, history.trial(number), with_it=False)


def history_after(history: History, number: int) -> History:
    """The campaign just after trial `number` was settled."""
    return _until(history, history.trial(number), with_it=True)


def _until(history: History, last: Trial, with_it: bool) -> History:
    there = [t for t in history.trials if t.number <= last.number or t.opened < last.settled]
    known = [_at(trial, last, with_it) for trial in there]
    settled = sorted((trial for trial in known if trial.verdict is not None), key=_place)
    kept = [t for t in settled if t.verdict and t.verdict.decision is Decision.KEEP]
    first = baseline_at(history, last.settled)
    numbers = tuple(trial.number for trial in kept)
    return replace(
        history,
        baseline=first,
        incumbent=kept[-1] if kept else first,
        trials=known,
        open=tuple(trial for trial in known if trial.verdict is None),
        kept=numbers,
        validated=history.validated if history.validated in numbers else 0,
        closing=False,
        refusals=[refusal for refusal in history.refusals if refusal.after < last.number],
    )


def _at(trial: Trial, last: Trial, with_it: bool) -> Trial:
    """A trial as it was when `last` was settled."""
    if trial.number == last.number and with_it:
        return as_settled(trial)
    if trial.verdict is None or _place(trial) >= _place(last):
        ended = tuple(r for r in trial.runs if r.started + r.seconds <= last.settled)
        return replace(trial, runs=ended, settled=0.0, verdict=None)
    runs = tuple(run for run in trial.runs if _by(run, last.settled))
    again = [run.started + run.seconds for run in trial.runs if run.purpose in _AGAIN]
    demoted = trial.was_kept and trial.verdict.decision is not Decision.KEEP
    still = demoted and max(again, default=0.0) > last.settled
    return replace(trial, runs=runs, verdict=_first_verdict(trial) if still else trial.verdict)


def _first_verdict(trial: Trial) -> Verdict | None:
    """The verdict as it first fell: what a demotion has put in its place is left out."""
    verdict = trial.verdict
    if verdict is None or verdict.decision is Decision.KEEP or not trial.was_kept:
        return verdict
    return Verdict(trial.number, Decision.KEEP, "kept", "kept, and demoted later", verdict.evidence)


def _by(run: Run, moment: float) -> bool:
    """Whether a run that has ended by now had begun by then."""
    return run.outcome is not None and run.started <= moment


def _place(trial: Trial) -> tuple[float, int]:
    return trial.settled, trial.number
