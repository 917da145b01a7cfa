"""The hooks in an agent's JSON settings: put among the user's own, and taken out again."""

from __future__ import annotations

import copy
import json
import re
import shlex
import sys
from typing import Any

from nightlab.agents.hooks.payload import Agent, Event
from nightlab.types import NightlabError

_OURS = re.compile(r"\bnightlab agent hook [A-Za-z]+ --for (?:claude|codex)\b")

_TOOLS = {
    Agent.CLAUDE: "Bash|Edit|Write|MultiEdit|NotebookEdit",
    Agent.CODEX: "Bash|apply_patch",
}
_SOURCES = {Agent.CLAUDE: "startup|resume|clear|compact", Agent.CODEX: "startup|resume"}
_STATUS = {
    Event.SESSION_START: "Nightlab: where the study stands",
    Event.USER_PROMPT_SUBMIT: "Nightlab: autonomy",
    Event.PRE_TOOL_USE: "Nightlab: policy",
    Event.POST_TOOL_USE: "Nightlab: review",
    Event.STOP: "Nightlab: what next",
}
_SECONDS = {Event.PRE_TOOL_USE: 30, Event.USER_PROMPT_SUBMIT: 30}
"""After how many seconds an agent gives a hook up; 60 for the others."""

_CAP = ("CLAUDE_CODE_STOP_HOOK_BLOCK_CAP", "1000")
"""Claude Code ends a turn that a hook has sent on eight times in a row, in the middle of a night.
Our own hook lets go sooner, where nothing comes of it."""


def hook_command(event: Event, agent: Agent) -> str:
    """What the agent calls: this interpreter by its whole path.

    An agent that was not started from the environment that Nightlab is in would not find
    `nightlab` on its PATH, and every tool call would complain.
    """
    return f"{shlex.quote(sys.executable)} -m nightlab agent hook {event.value} --for {agent.value}"


def group(event: Event, agent: Agent) -> dict[str, Any]:
    """The entry of one event."""
    entry = {
        "type": "command",
        "command": hook_command(event, agent),
        "timeout": _SECONDS.get(event, 60),
        "statusMessage": _STATUS[event],
    }
    matchers = {
        Event.SESSION_START: _SOURCES[agent],
        Event.PRE_TOOL_USE: _TOOLS[agent],
        Event.POST_TOOL_USE: f"^({_TOOLS[agent]}|mcp__nightlab__.*)$",
    }
    matcher = {"matcher": matchers[event]} if event in matchers else {}
    return {**matcher, "hooks": [entry]}


def put_in(settings: dict[str, Any], agent: Agent) -> dict[str, Any]:
    """The settings with the hooks; everything else as and where it was.

    Hooks of ours that are there already, from another interpreter say, give way to these.
    """
    changed = copy.deepcopy(settings)
    hooks = _hooks(changed)
    for event in Event:
        groups = _groups(hooks, event.value)
        wanted = group(event, agent)
        if any(_is_ours(entry) for one in groups for entry in one["hooks"]):
            at = next(i for i, one in enumerate(groups) if any(map(_is_ours, one["hooks"])))
            alone = all(map(_is_ours, groups[at]["hooks"]))
            rest = _without(groups[at + 1 :])
            kept = [] if alone else _without([groups[at]])
            groups[:] = [*groups[:at], *kept, wanted, *rest]
        else:
            groups.append(wanted)
    variables = changed.setdefault("env", {}) if agent is Agent.CLAUDE else None
    if isinstance(variables, dict):
        variables.setdefault(*_CAP)
    return changed


def take_out(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without the hooks, and without what is empty only since then."""
    changed = copy.deepcopy(settings)
    hooks = _hooks(changed)
    for name in [name for name in hooks if isinstance(hooks[name], list)]:
        groups = _groups(hooks, name)
        left = _without(groups)
        if left != groups:
            hooks[name] = left
        if groups and not left:
            del hooks[name]
    if not hooks and settings.get("hooks") != {}:
        del changed["hooks"]
    variables = changed.get("env")
    if isinstance(variables, dict) and variables.get(_CAP[0]) == _CAP[1]:
        del variables[_CAP[0]]
        changed = changed if variables else {k: v for k, v in changed.items() if k != "env"}
    return changed


def read_settings(text: str, name: str) -> dict[str, Any]:
    """The settings in a file; none in an empty one. Raises NightlabError for another document."""
    try:
        settings = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise NightlabError(f"{name} is not JSON ({error}); mend it, then try again") from None
    if not isinstance(settings, dict):
        raise NightlabError(f"{name} is not a table of settings; mend it, then try again")
    hooks = _hooks(copy.deepcopy(settings))
    for event in Event:
        _groups(hooks, event.value)
    return settings


def written(settings: dict[str, Any], before: str) -> str:
    """The settings as text, indented as they were."""
    found = re.search(r"^([ \t]+)\S", before, re.MULTILINE)
    indent: str | int = found.group(1) if found else 2
    return json.dumps(settings, indent=indent, ensure_ascii=False) + "\n"


def _hooks(settings: dict[str, Any]) -> dict[str, Any]:
    hooks = settings.setdefault("hooks", {})
    if not isinstance(hooks, dict):
        raise NightlabError("`hooks` in the agent's settings is no table; mend it, then try again")
    return hooks


def _groups(hooks: dict[str, Any], event: str) -> list[dict[str, Any]]:
    groups = hooks.setdefault(event, [])
    fine = isinstance(groups, list) and all(
        isinstance(one, dict) and isinstance(one.get("hooks"), list) for one in groups
    )
    if not fine:
        mend = "it must be a list of groups, each with `hooks`; mend it, then try again"
        raise NightlabError(f"hooks.{event} in the agent's settings is not understood: {mend}")
    return groups  # type: ignore[no-any-return]


def _without(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The groups less our hooks; a group that held nothing else is gone."""
    left = []
    for one in groups:
        hooks = [entry for entry in one["hooks"] if not _is_ours(entry)]
        if hooks or not one["hooks"]:
            left.append({**one, "hooks": hooks})
    return left


def _is_ours(entry: Any) -> bool:
    return isinstance(entry, dict) and bool(_OURS.search(str(entry.get("command", ""))))
