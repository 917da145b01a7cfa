"""The brief: what a program that proposes may know, as one JSON file it can read and not trust."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nightlab.propose import Setting
from nightlab.types import History, Trial

_SHOWN = 30


def write_brief(
    folder: Path, setting: Setting, history: History, refusals: Sequence[str] = ()
) -> Path:
    """Write brief.json, read-only. The same history gives the same bytes."""
    path = folder / "brief.json"
    path.write_text(json.dumps(brief(setting, history, refusals), indent=1, sort_keys=True))
    path.chmod(0o444)
    return path


def brief(setting: Setting, history: History, refusals: Sequence[str] = ()) -> dict[str, Any]:
    """The program's prose and policy, what may be edited, and what was tried with what effect."""
    return {
        "prose": setting.prose,
        "policy": setting.policy.sentences(),
        "surface": list(setting.surface),
        "metric": history.metric,
        "direction": history.direction.value,
        "baseline": history.estimate(history.baseline),
        "incumbent": {
            "trial": history.incumbent.number,
            "value": history.estimate(history.incumbent),
            "parameters": dict(history.incumbent.parameters),
        },
        "trials": [_told(history, trial) for trial in history.trials[-_SHOWN:]],
        "refused": list(refusals[-_SHOWN:]),
    }


def _told(history: History, trial: Trial) -> dict[str, Any]:
    verdict = trial.verdict
    return {
        "trial": trial.number,
        "summary": trial.summary,
        "verdict": verdict.decision.value if verdict else None,
        "reason": verdict.reason if verdict else None,
        "gain_over_baseline": history.gain(trial, history.baseline),
        "diff": trial.diff,
    }
