"""How well replays agree: the two functions that `illusion_delta` is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace


def disagreement_rate(actions: Sequence[str]) -> float:
    """The share of replays that don't do what most do."""
    return 1 - max(Counter(actions).values()) / len(actions) if actions else 0.0


def illusion_delta(
    p_values: Sequence[float], disagreement_rates: Sequence[float]
) -> SimpleNamespace:
    """Looks less agreement."""
    looks = sum(p_values) / len(p_values) if p_values else 0.0
    rates = disagreement_rates or [0.0]
    return SimpleNamespace(illusion_delta=looks - (1 - sum(rates) / len(rates)))
