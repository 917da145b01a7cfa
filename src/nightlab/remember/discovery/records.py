"""The record of one settled trial, in the words of other research loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nightlab.remember.discovery import View
from nightlab.remember.discovery.known import phase_then, taught_then
from nightlab.remember.discovery.plan import niche_name, stamp
from nightlab.remember.memory.diffs import read_diff
from nightlab.remember.memory.lessons import finite
from nightlab.remember.memory.niche import memory_of, millions_of
from nightlab.remember.memory.then import as_settled, baseline_at
from nightlab.types import History, Review, Trial, one_line

_METRICS = ("training_seconds", "total_seconds", "mfu_percent", "total_tokens_M")
_WHOLE = ("num_steps", "depth")


def record_of(
    view: View, trial: Trial, review: Review, old: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """One experiment. Gains are positive where it was better; a number that is unknown is null.

    `old` is the record as it was written before: its phase, and what the trial taught then, stand.
    """
    then = as_settled(trial)
    metrics = metrics_of(then, view.history)
    return {
        "experiment_id": f"{view.tag}/{trial.number}",
        "timestamp": stamp(trial.settled),
        "branch": view.branch,
        "commit": trial.commit,
        "commit_parent": trial.parent,
        "description": one_line(trial.summary, 400),
        "status": "crash" if review.crash or "val_bpb" not in metrics else "ok",
        "category": review.niche.kind,
        "niche": niche_name(then),
        "phase": phase_then(view, trial, old or {}),
        "emitter": one_line(trial.emitter, 40),
        "recommendation": review.recommendation.value,
        "diff_summary": str(read_diff(trial.diff)),
        "metrics": metrics,
        "fitness_gain": review.fitness,
        "novelty_bonus": review.novelty,
        "information_gain": review.information,
        "surprise_bonus": review.surprise,
        "complexity_cost": review.complexity,
        "vram_cost": review.memory_cost,
        "discovery_score": review.score,
        "improvement_vs_best": review.improvement,
        "improvement_vs_baseline": review.over_baseline,
        "crash_signature": one_line(review.crash, 140) or None,
        "conjecture_updates": taught_then(view, trial, old or {}),
    }


def metrics_of(trial: Trial, history: History) -> Mapping[str, float]:
    """What is known by the names that such loops print; `val_bpb` is the metric, whatever it is."""
    then = replace(history, baseline=baseline_at(history, trial.settled))
    named = {
        "val_bpb": then.estimate(trial),
        "peak_vram_mb": memory_of(trial),
        "num_params_M": millions_of(trial),
        **{name: trial.mean(name) for name in (*_METRICS, *_WHOLE)},
    }
    good = {name: value for name, each in named.items() if (value := finite(each)) is not None}
    return {name: round(value) if name in _WHOLE else value for name, value in good.items()}
