"""Conjectures: working theories that are tested by each trial, and die when contradicted."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.remember.memory import Sources
from nightlab.types import Conjecture, Effect, History, Lesson, Stall


def conjectures(
    lessons: Sequence[Lesson],
    found: Sequence[Effect],
    stalled: Stall,
    history: History,
    sources: Sources,
) -> list[Conjecture]:
    """A handful of those alive, the strongest first; then those that died."""
    return []
