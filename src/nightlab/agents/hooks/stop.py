"""The agent would stop: it goes on while autonomy is on."""

from __future__ import annotations

from nightlab.agents.hooks.answer import Answer
from nightlab.agents.hooks.desk import Desk
from nightlab.agents.hooks.payload import Payload


def answer(payload: Payload, desk: Desk) -> Answer | None:
    """What comes next. Nothing is said where autonomy is off."""
    memory = desk.memories.read()
    if not memory.autonomy:
        return None
    from nightlab.agents.hooks.going_on import go_on_with  # the loop and all it needs

    return go_on_with(desk, memory)
