"""Calls of hooks as agents make them, and the keys that agents document for the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nightlab.agents.hooks import answer_line
from nightlab.agents.hooks.payload import Agent, Event

COMMON = {"continue", "stopReason", "suppressOutput", "systemMessage"}
KEYS = {
    Event.SESSION_START: (COMMON, {"hookEventName", "additionalContext"}),
    Event.USER_PROMPT_SUBMIT: (
        COMMON | {"decision", "reason"},
        {"hookEventName", "additionalContext"},
    ),
    Event.PRE_TOOL_USE: (
        COMMON | {"decision", "reason"},
        {
            "hookEventName",
            "permissionDecision",
            "permissionDecisionReason",
            "updatedInput",
            "additionalContext",
        },
    ),
    Event.POST_TOOL_USE: (
        COMMON | {"decision", "reason"},
        {"hookEventName", "additionalContext", "updatedMCPToolOutput"},
    ),
    Event.STOP: (COMMON | {"decision", "reason"}, set()),
}
"""Of each event: the keys of the answer, and those of its `hookSpecificOutput`. No other may be
there: Codex drops an answer with one that it does not know."""


def check_answer(event: Event, line: str) -> dict[str, Any]:
    """The answer in a line, if it is one that both agents take."""
    assert "\n" not in line
    told: dict[str, Any] = json.loads(line)
    outer, inner = KEYS[event]
    special = told.get("hookSpecificOutput")
    assert told.keys() <= outer | ({"hookSpecificOutput"} if inner else set())
    if special is not None:
        assert special["hookEventName"] == event.value
        assert special.keys() <= inner
    assert told.get("decision") in (None, "block")
    assert (told.get("decision") == "block") == bool(told.get("reason"))
    if special and "permissionDecision" in special:
        assert special["permissionDecision"] == "deny"
        assert special["permissionDecisionReason"].strip()
    for text in (*told.values(), *(special or {}).values()):
        assert not isinstance(text, str) or len(text) <= 10_000
    return told


def call(event: Event, folder: Path, agent: Agent = Agent.CLAUDE, **given: Any) -> dict[str, Any]:
    """Call a hook in a folder. Returns the answer, {} where nothing is said."""
    payload = {
        "session_id": "s",
        "transcript_path": None,
        "cwd": str(folder),
        "hook_event_name": event.value,
        "permission_mode": "default",
        "model": "m",
        **given,
    }
    line = answer_line(event, agent, json.dumps(payload))
    return check_answer(event, line) if line else {}


def bash(line: str, **more: Any) -> dict[str, Any]:
    """The payload of a shell's tool."""
    given = {"tool_name": "Bash", "tool_input": {"command": line}, "tool_use_id": "t"}
    return {**given, "tool_response": "", **more}


def stop(folder: Path, active: bool = False) -> dict[str, Any]:
    """The agent would stop."""
    return call(Event.STOP, folder, stop_hook_active=active, last_assistant_message="done")


def say(folder: Path, prompt: str) -> dict[str, Any]:
    """The human says something."""
    return call(Event.USER_PROMPT_SUBMIT, folder, prompt=prompt)


def told(answer: dict[str, Any]) -> str:
    """What the agent reads of an answer."""
    special = answer.get("hookSpecificOutput", {})
    parts = (
        answer.get("reason", ""),
        special.get("additionalContext", ""),
        special.get("permissionDecisionReason", ""),
    )
    return "\n".join(part for part in parts if part)
