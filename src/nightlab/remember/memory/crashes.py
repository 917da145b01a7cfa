"""Crash signatures: what a crash says of itself, less numbers, shapes and places."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.types import Crash, Lesson


def crashes(lessons: Sequence[Lesson]) -> list[Crash]:
    """The ways of crashing, the most frequent first."""
    return []
