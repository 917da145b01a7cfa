"""The archive: elites by niche, near misses, dead ends."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.types import History, Lesson, Niche


def elites(lessons: Sequence[Lesson]) -> dict[Niche, Lesson]:
    """The best of each niche, the best niche first."""
    return {}


def near_misses(lessons: Sequence[Lesson], history: History) -> list[Lesson]:
    """Trials that were not kept, and were no clear loss; the most promising first."""
    return []


def dead_ends(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Crashes and clear losses: the last of the ones, the largest of the others."""
    return []
