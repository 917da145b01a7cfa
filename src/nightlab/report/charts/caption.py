"""The lines below a chart's title: what was done, and what came of it."""

from __future__ import annotations

from nightlab.report.charts.view import View
from nightlab.report.charts.wording import percent
from nightlab.report.markdown import counted
from nightlab.types import Decision


def done(view: View) -> str:
    """How many runs and trials, with which verdicts."""
    trials = (view.history.baseline, *view.history.trials)
    runs = counted(sum(len(trial.runs) for trial in trials), "run")
    valid = len(view.settled) - view.count(Decision.CRASH)
    verdicts = [f"{view.count(decision):,} {decision.value}" for decision in Decision]
    told = ", ".join([f"{valid:,} valid", *verdicts])
    return f"{runs} · {counted(len(view.settled), 'trial')}: {told}"


def gained(view: View) -> str:
    """Baseline, best and improvement; and the incumbent, where it is a keep but no new best."""
    if view.baseline is None:
        return "The baseline has not been measured"
    best, value = view.frontier[-1]
    start = f"baseline {view.baseline:.6g}"
    if best == 0:
        return f"{start} · no improvement yet"
    gain = view.sign * (value - view.baseline)
    share = percent(gain, view.baseline)
    told = f"{start} · best {value:.6g} (trial {best:,}) · improvement {gain:.4g}{share}"
    now = view.history.incumbent.number
    if now == best or now not in view.values:
        return told
    return f"{told} · incumbent {view.values[now]:.6g} (trial {now:,})"
