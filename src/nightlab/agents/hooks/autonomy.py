"""Autonomy as hooks remember it, for views that tell it."""

from __future__ import annotations

from pathlib import Path

from nightlab.agents.hooks.memory import Memories
from nightlab.remember.discovery import Autonomy


def autonomy_of(home: Path) -> Autonomy:
    """Whether agents go on by themselves; `home` is Nightlab's folder of the study."""
    known = Memories(home).read()
    return Autonomy(known.autonomy, known.reason, known.since, known.nudges, known.nudged)
