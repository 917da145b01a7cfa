"""A trial that ignores its seed: it gives exactly the same where the baseline never does."""

from __future__ import annotations

import re
from collections.abc import Collection

from nightlab.judge.rules import SEED_IGNORED, Finding
from nightlab.judge.visible import grid_step
from nightlab.types import COMPARED, IMPORTED_SEED, Direction, History, Metrics, Outcome, Run, Trial

CONVINCING = 3
"""Runs that agree exactly on so many seeds show that a seed is ignored."""

_FINE = 100.0
"""Values of a metric in steps agree by luck. Where they would more often than about once in so
many times, that says nothing.
"""

_ENDS = {Direction.MINIMIZE: {0.0}, Direction.MAXIMIZE: {1.0, 100.0}}
"""Nothing is better than these on the scales that people use, so any seed may reach them."""

_MEASURED = frozenset({"peak_memory_mb", "train_seconds", "serve_seconds"})
_TIME = re.compile(
    r"(?:^|[^a-z])(?:s|ms|us|secs?|seconds?|minutes?|hours?|time|timestamp|elapsed|duration|runtime"
    r"|latency|throughput|speed|mfu|mfu_percent|peak_\w*_[kmg]?i?b)$|_per_s(?:ec|econd)?$|/s(?:ec)?$",
    re.IGNORECASE,
)


def ignored_seed(history: History, trial: Trial, least: int = CONVINCING) -> Finding | None:
    """The finding that a trial ignores its seed, None where nothing says so.

    All its good runs, on `least` seeds or more, agree exactly: in the primary metric, and in every
    other one that the baseline has too, times and what Nightlab measures aside. The baseline's
    runs, on as many seeds, all differ in the primary metric, and by more than a few of the steps
    that it moves in.
    """
    ours, theirs = _good(trial, history.metric), history.baseline.values(history.metric)
    theirs.pop(IMPORTED_SEED, None)
    seeds = sorted({run.seed for run in ours})
    if min(len(seeds), len(theirs)) < least or len(set(theirs.values())) < len(theirs):
        return None
    value = ours[0].metrics[history.metric]
    if not _agree([run.metrics for run in ours], _names(history)):
        return None
    if value in _ENDS[history.direction] or _may_be_luck(theirs.values(), value, len(seeds)):
        return None
    said = f"it gives exactly the same on seeds {_listed(seeds)}, and the baseline doesn't"
    return Finding(SEED_IGNORED, False, f"{said}: the seed is ignored")


def _good(trial: Trial, metric: str) -> list[Run]:
    return [
        run
        for run in trial.runs
        if run.outcome is Outcome.OK
        and run.purpose in COMPARED
        and run.seed != IMPORTED_SEED
        and metric in run.metrics
    ]


def _names(history: History) -> set[str]:
    """The metrics that tell one run from another: a trial can add none of its own to them."""
    found = {name for run in _good(history.baseline, history.metric) for name in run.metrics}
    told = {name for name in found if name not in _MEASURED and not _TIME.search(name)}
    return told | {history.metric}


def _agree(runs: Collection[Metrics], names: set[str]) -> bool:
    return all(len({metrics.get(name) for metrics in runs}) == 1 for name in names)


def _may_be_luck(theirs: Collection[float], value: float, seeds: int) -> bool:
    """Whether so coarse a metric may agree on so many seeds by itself."""
    step = grid_step([*theirs, value])
    if step is None:
        return False
    steps = (max(theirs) - min(theirs)) / step
    return bool(steps ** (seeds - 1) < _FINE)


def _listed(seeds: list[int]) -> str:
    """`7, 11 and 19`."""
    return f"{', '.join(map(str, seeds[:-1]))} and {seeds[-1]}"
