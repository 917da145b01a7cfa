"""Hooks for Claude Code and Codex: each event a file, called as `nightlab agent hook EVENT`.

A hook reads one JSON document and prints one line of JSON, or nothing. Whatever is wrong (no study,
no JSON, a broken program.md, a damaged ledger), the agent's session goes on.
"""

from __future__ import annotations

import importlib
import os
import time

from nightlab.agents.hooks.answer import Answer
from nightlab.agents.hooks.desk import Desk
from nightlab.agents.hooks.payload import Agent, Event, read_payload
from nightlab.agents.hooks.place import find_place
from nightlab.types import NightlabError, one_line

_FILES = {
    Event.SESSION_START: "session_start",
    Event.USER_PROMPT_SUBMIT: "user_prompt_submit",
    Event.PRE_TOOL_USE: "pre_tool_use",
    Event.POST_TOOL_USE: "post_tool_use",
    Event.STOP: "stop",
}


def answer_line(event: Event, agent: Agent, text: str) -> str:
    """The line that a hook prints, "" for none. Raises nothing."""
    payload = read_payload(text)
    starts = (payload.cwd, os.environ.get("CLAUDE_PROJECT_DIR", ""), ".")
    try:
        place = find_place(starts)
        if place is None:
            return ""
        module = importlib.import_module(f"nightlab.agents.hooks.{_FILES[event]}")
        answer: Answer | None = module.answer(payload, Desk(place, agent, time.time()))
        return answer.line() if answer else ""
    except Exception as error:  # an agent's session must not end because of a hook
        first = str(error).splitlines()[:1] if isinstance(error, (NightlabError, OSError)) else []
        what = one_line(first[0] if first else f"{type(error).__name__}: {error}", 400)
        return Answer(system_message=f"Nightlab's hook could not look: {what}").line()
