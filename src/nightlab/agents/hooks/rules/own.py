"""Nightlab's own commands that are the human's: its hooks, and what a campaign ends with."""

from __future__ import annotations

from nightlab.agents.hooks.guard import Guard
from nightlab.agents.hooks.rules import Call


def refuse_own(call: Call, guard: Guard) -> str:
    """Refuse to take the hooks off, and to speak for them."""
    if "nightlab" not in (call.name, call.module):
        return ""
    words = [word.text for word in call.operands]
    if words[:2] == ["agent", "hooks"]:
        return "the hooks are the human's to install and to remove"
    if words[:2] == ["agent", "hook"]:
        return "the hooks are called by the agent's own program, not in its command lines"
    return ""
