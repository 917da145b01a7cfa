"""Niches: a kind of change, by its diff and its measurements, never by the plan."""

from __future__ import annotations

from nightlab.types import History, Niche, Trial


def niche_of(trial: Trial, history: History) -> Niche:
    """Where a trial belongs."""
    return Niche(next(iter(trial.about), "other"))
