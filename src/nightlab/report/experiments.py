"""The experiments of a campaign as one table: what was changed, and how far from the baseline."""

from __future__ import annotations

from nightlab.remember.table import number_cell
from nightlab.report.markdown import counted, table
from nightlab.report.status import improvement
from nightlab.types import Decision, History, Trial

_LAST = 20


def experiments_table(history: History) -> str:
    """Markdown: Experiment, Change, the metric, delta vs baseline. Ends with a line end.

    Kept is what a verdict kept, never what merely beats the baseline. Long campaigns show their
    kept trials and the last 20 settled ones, and say how many are left out.
    """
    settled = [trial for trial in history.trials if trial.verdict is not None]
    recent = {trial.number for trial in settled[-_LAST:]}
    shown = [trial for trial in settled if _is_kept(trial) or trial.number in recent]
    anchor = history.estimate(history.baseline)
    rows = [["baseline", "—", "—" if anchor is None else number_cell(anchor), "—"]]
    rows += [_cells(history, trial) for trial in shown]
    text = table(["Experiment", "Change", history.metric, "delta vs baseline"], rows)
    left = len(settled) - len(shown)
    return text + (
        f"\n{counted(left, 'more trial')} not kept: `nightlab export tsv`.\n" if left else ""
    )


def experiment_name(number: int) -> str:
    """`exp_007`; trial 0 is `baseline`."""
    return f"exp_{number:03d}" if number else "baseline"


def best_sentence(history: History) -> str:
    """`val_bpb: 1.842 -> 1.751, 4.9 % better (0.091 absolute)`, or that there is no such thing."""
    anchor, best = history.estimate(history.baseline), history.estimate(history.incumbent)
    if anchor is None or best is None:
        return f"{history.metric}: not measured yet"
    if history.incumbent.number == 0:
        return f"{history.metric}: no improvement over the baseline's {anchor:.6g}"
    gain, share = improvement(history)
    percent = "" if share is None else f"{_percent(share)} % "
    return f"{history.metric}: {anchor:.6g} -> {best:.6g}, {percent}better ({gain:.4g} absolute)"


def _percent(share: float) -> str:
    return f"{share:.1f}" if abs(share) >= 1 else f"{share:.2g}"


def _is_kept(trial: Trial) -> bool:
    return trial.verdict is not None and trial.verdict.decision is Decision.KEEP


def _cells(history: History, trial: Trial) -> list[str]:
    crashed = trial.verdict is not None and trial.verdict.decision is Decision.CRASH
    value = None if crashed else history.estimate(trial)
    gain = None if crashed else history.gain(trial, history.baseline)
    delta = "crash" if crashed else "—"
    if gain is not None:
        moved = history.direction.sign * gain
        delta = f"{'' if moved < 0 else '+'}{number_cell(moved)}"
    mark = " ✅" if _is_kept(trial) else ""
    measured = "—" if value is None else number_cell(value)
    return [experiment_name(trial.number), trial.summary, measured, delta + mark]
