"""Niches: a kind of change, by its diff and its measurements, never by the plan.

Size and memory are told beside the campaign's own baseline, so that the buckets mean something for
a small model too. Only runs that decided are read: measuring a keep again moves no trial.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from nightlab.types import History, Niche, Purpose, Trial

OTHER = "other"
MIXED = "mixed"
SIMPLIFICATION = "simplification"

_DECIDED = (Purpose.BASELINE, Purpose.PANEL, Purpose.IMPORTED)
_MILLIONS = ("parameters_M", "num_params_M", "n_params_M", "num_parameters_M", "params_M")
_SINGLE = ("num_params", "n_params", "num_parameters", "n_parameters", "parameters", "params")
_MEMORY = ("peak_vram_mb", "peak_memory_mb")
_EDGES = (0.55, 0.95, 1.05, 1.8)
"""Shares of the baseline's at which the next bucket begins."""

_SIZES = ("half size", "smaller", "same size", "larger", "double size")
_MEMORIES = ("half memory", "leaner", "same memory", "heavier", "double memory")


def niche_of(trial: Trial, history: History) -> Niche:
    """Where a trial belongs."""
    grew = "growing" if trial.lines > 0 else "shrinking" if trial.lines < 0 else ""
    first = history.baseline
    size = _bucket(trial, first, (*_MILLIONS, *_SINGLE), _SIZES)
    return Niche(kind_of(trial), size, _bucket(trial, first, _MEMORY, _MEMORIES), grew)


def kind_of(trial: Trial) -> str:
    """What a trial is about: what most parts of its diff are, however they were meant.

    Code that became shorter is a simplification, and a tie is mixed. What is known of a part counts
    before what is not.
    """
    if trial.edited and trial.lines < 0:
        return SIMPLIFICATION
    known = {kind: n for kind, n in trial.about.items() if kind != OTHER and n > 0}
    most = max(known.values(), default=0)
    first = [kind for kind, count in known.items() if count == most]
    return OTHER if not first else first[0] if len(first) == 1 else MIXED


def millions_of(trial: Trial) -> float | None:
    """The parameters of its model, in millions; None where they are not measured."""
    found = _measured(trial, _MILLIONS)
    if found:
        return next(iter(found.values()))
    return next((count / 1e6 for count in _measured(trial, _SINGLE).values()), None)


def memory_of(trial: Trial) -> float | None:
    """Its peak memory in MB, the accelerator's where there is one; None if not measured."""
    return next(iter(_measured(trial, _MEMORY).values()), None)


def memory_beside(trial: Trial, baseline: Trial) -> float | None:
    """Its peak memory as a share of the baseline's, both of one kind of memory."""
    return _beside(trial, baseline, _MEMORY)


def _bucket(trial: Trial, first: Trial, names: Sequence[str], words: Sequence[str]) -> str:
    share = _beside(trial, first, names)
    return "" if share is None else words[sum(share >= edge for edge in _EDGES)]


def _beside(trial: Trial, first: Trial, names: Sequence[str]) -> float | None:
    ours, theirs = _measured(trial, names), _measured(first, names)
    return next((ours[name] / theirs[name] for name in ours if name in theirs), None)


def _measured(trial: Trial, names: Sequence[str]) -> Mapping[str, float]:
    """Those of the metrics that are there and above zero: a machine without the part prints 0."""
    found = {}
    for name in names:
        values = trial.values(name, _DECIDED).values()
        mean = sum(values) / len(values) if values else 0.0
        if 0 < mean < math.inf:
            found[name] = mean
    return found
