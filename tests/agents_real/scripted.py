"""What a scripted model says to a real agent, whichever tools it offers and wire it speaks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model_server import Reply, Request, ToolCall, says

_FOLDER = re.compile(r"You work alone in the folder (\S+), a copy")
_SHELL = re.compile(r"bash|shell|exec|command", re.IGNORECASE)
_RESULTS = {"tool", "tool_result", "function_call_output", "custom_tool_call_output"}
_SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


@dataclass(frozen=True)
class Edit:
    """One task's edit: a file of the study, its whole new text, and what is said of it."""

    path: str
    text: str
    said: str


class Scripted:
    """Carries out edits, task after task, by the tools of the agent that asks.

    `how` is `shell` (a command writes the file), `files` (it is read, then written), `submit` (the
    last message is a command too), or `chat` (no tools at all: the file is in the answer). A task
    is over when its last message was sent.
    """

    def __init__(self, how: str, edits: Sequence[Edit]) -> None:
        self.how = how
        self.edits = list(edits)
        self.done = 0

    def __call__(self, request: Request) -> Reply:
        text = json.dumps(dict(request.body))
        folder = _FOLDER.search(text)
        tools = list(_tools(request.body))
        if folder is None or not (tools or self.how == "chat"):
            return says("A study")  # a title for the session, say
        edit = self.edits[min(self.done, len(self.edits) - 1)]
        path = f"{folder[1]}/{edit.path}"
        results = _results(request.body)
        if self.how == "chat":
            self.done += 1
            return says(f"{edit.path}\n```\n{edit.text}```\n\n{edit.said}\n")
        if self.how == "files":
            steps = [_call(tools, r"^read$", path, ""), _call(tools, r"^write$", path, edit.text)]
        else:
            script = f"cat > '{path}' <<'END'\n{edit.text}END\n"
            steps = [_shell(tools, script)]
        if results < len(steps):
            return Reply("I see.", tools=(steps[results],))
        self.done += 1
        if self.how == "submit":
            script = f"{_SUBMIT}\ncat <<'END'\n{edit.said}\nEND\n"
            return Reply("That is all.", tools=(_shell(tools, script),))
        return says(edit.said)


def _tools(body: Mapping[str, Any]) -> Any:
    """Name and parameters of each tool that is offered."""
    for tool in body.get("tools") or []:
        told = tool.get("function") or tool
        if "name" in told:
            yield told["name"], told.get("parameters") or told.get("input_schema") or {}


def _results(body: Any) -> int:
    """How many tools have answered."""
    if isinstance(body, list):
        return sum(_results(each) for each in body)
    if not isinstance(body, Mapping):
        return 0
    own = bool({body.get("type"), body.get("role")} & _RESULTS)
    inner = (body.get(key) for key in ("messages", "input", "content"))
    return 1 if own else sum(_results(each) for each in inner)


def _shell(tools: Sequence[tuple[str, Any]], script: str) -> ToolCall:
    for name, parameters in tools:
        known = parameters.get("properties") or {}
        (key,) = {"command", "cmd"} & known.keys() or {""}
        if key and _SHELL.search(name):
            listed = known[key].get("type") == "array"
            given: dict[str, Any] = {key: ["bash", "-c", script] if listed else script}
            return ToolCall(name, {**_needed(parameters), **given}, id=f"call_{len(script)}")
    raise AssertionError(f"no shell among {[name for name, _ in tools]}")


def _call(tools: Sequence[tuple[str, Any]], wanted: str, path: str, text: str) -> ToolCall:
    for name, _ in tools:
        if re.search(wanted, name, re.IGNORECASE):
            given = {"file_path": path, **({"content": text} if text else {})}
            return ToolCall(name, given, id=f"call_{name.lower()}")
    raise AssertionError(f"no {wanted} among {[name for name, _ in tools]}")


def _needed(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Something for each parameter that must be there."""
    plain = {"boolean": False, "integer": 10_000, "number": 10_000, "array": [], "object": {}}
    known = parameters.get("properties") or {}
    return {
        name: plain.get(str(known.get(name, {}).get("type")), "edit")
        for name in parameters.get("required") or []
    }
