"""Stall and phase: how long no keep came, why that may be, and what it calls for."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.remember.memory import Sources
from nightlab.types import History, Lesson, Phase, Stall


def stall(history: History, lessons: Sequence[Lesson], sources: Sources) -> Stall:
    """How long there was no keep, and what that looks like."""
    return Stall()


def phase(history: History, near: Sequence[Lesson], patience: int) -> Phase:
    """What the campaign is at."""
    return Phase.EXPLORE
