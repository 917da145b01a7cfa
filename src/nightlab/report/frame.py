"""A campaign as a pandas frame: for notebooks and for people who ask their own questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nightlab.types import Decision, History, NightlabError, Outcome, Trial

if TYPE_CHECKING:
    import pandas


def history_frame(history: History) -> pandas.DataFrame:
    """One row a trial, trial 0 the baseline; the index is the number of the trial.

    `value` is on the baseline's seeds, `gain` over the baseline with positive better, `opened` in
    UTC; parameters and the means of all metrics have columns of their own. Raises NightlabError
    where pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        mend = "pip install 'nightlab[analysis]'"
        raise NightlabError(f"a frame needs pandas: {mend}") from None
    rows = [_row(history, trial) for trial in (history.baseline, *history.trials)]
    frame = pd.DataFrame(rows).set_index("trial")
    frame["opened"] = pd.to_datetime(frame["opened"], unit="s", utc=True)
    return frame


def _row(history: History, trial: Trial) -> dict[str, Any]:
    verdict = trial.verdict
    gain = history.gain(trial, history.baseline) if trial.number else 0.0
    good = [run for run in trial.runs if run.outcome is Outcome.OK]
    return {
        "trial": trial.number,
        "summary": trial.summary,
        "emitter": trial.emitter,
        "verdict": verdict.decision.value if verdict else None,
        "rule": verdict.rule if verdict else None,
        "reason": verdict.reason if verdict else None,
        "value": history.estimate(trial),
        "gain": gain,
        "kept": verdict is not None and verdict.decision is Decision.KEEP,
        "runs": len(trial.runs),
        "seconds": sum(run.seconds for run in trial.runs),
        "opened": trial.opened,
        "commit": trial.commit,
        **{f"parameters.{name}": value for name, value in trial.parameters.items()},
        **{
            f"metrics.{name}": trial.mean(name)
            for name in dict.fromkeys(name for run in good for name in run.metrics)
        },
    }
