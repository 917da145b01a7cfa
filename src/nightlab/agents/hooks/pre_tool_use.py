"""Before a tool: what is off the policy is refused, and how things stand is written down."""

from __future__ import annotations

from nightlab.agents.hooks.answer import Answer, context, deny
from nightlab.agents.hooks.desk import Desk
from nightlab.agents.hooks.edits import SHELLS, edited_files, shell_line
from nightlab.agents.hooks.effect import Snapshots, compare, take
from nightlab.agents.hooks.payload import Event, Payload
from nightlab.agents.hooks.post_tool_use import trouble
from nightlab.agents.hooks.quoting import Word


def answer(payload: Payload, desk: Desk) -> Answer | None:
    """A denial, or what a tool that never reported back has changed; else nothing."""
    if why := _refusal(payload, desk):
        return deny(why)
    snapshots = Snapshots(desk.place)
    last = snapshots.read()
    now = take(desk.place, desk.outline, last, waiting=True)
    snapshots.write(now)
    if last is None:
        return None
    told = trouble(desk, last, now, compare(desk.place, last, now))
    return context(Event.PRE_TOOL_USE, told) if told else None


def _refusal(payload: Payload, desk: Desk) -> str:
    guard = desk.guard(payload)
    if payload.tool_name in SHELLS:
        from nightlab.agents.hooks.words import refusal

        return refusal(shell_line(payload.tool_input), guard)
    for path in edited_files(payload.tool_name, payload.tool_input):
        if why := guard.refuses(Word(path, bare=False)):
            return why
    return ""
