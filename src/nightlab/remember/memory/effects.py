"""Effects of parameters, options and kinds of change, all trials taken together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightlab.program.space import Space
from nightlab.types import Effect, Lesson


def effects(lessons: Sequence[Lesson], space: Space, kinds: Mapping[str, str]) -> list[Effect]:
    """What moving each thing has brought, the surest first."""
    return []
