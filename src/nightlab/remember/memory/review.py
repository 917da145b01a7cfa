"""The review of a trial: what it was worth for what is tried next, also where it was not kept."""

from __future__ import annotations

from nightlab.remember.memory import Sources
from nightlab.types import History, Review


def review(history: History, number: int, sources: Sources) -> Review:
    """Of a settled trial, by what was known when it was settled."""
    raise NotImplementedError
