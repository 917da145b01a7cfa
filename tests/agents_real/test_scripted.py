"""The scripted model finds its way by the tools that each agent offers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agents_real.scripted import Edit, Scripted
from model_server import Request

PROMPT = "You work alone in the folder /w/p, a copy of a study"
EDITS = [Edit("train.py", "X = 1\n", "summary: one"), Edit("train.py", "X = 2\n", "summary: two")]


def request(**body: Any) -> Request:
    return Request("POST", "/v1/x", {}, body)


def tool(name: str, **properties: str) -> dict[str, Any]:
    known = {key: {"type": kind} for key, kind in properties.items()}
    return {"name": name, "parameters": {"properties": known, "required": list(known)}}


SHELLS = [
    ([tool("read", path="string"), tool("bash", command="string")], {"command": "SCRIPT"}),
    ([tool("shell", command="array")], {"command": ["bash", "-c", "SCRIPT"]}),
    ([tool("exec_command", cmd="string", wait="integer")], {"cmd": "SCRIPT", "wait": 10_000}),
    (
        [{"function": tool("run_shell_command", command="string", is_background="boolean")}],
        {"command": "SCRIPT", "is_background": False},
    ),
]
SCRIPT = "cat > '/w/p/train.py' <<'END'\nX = 1\nEND\n"


@pytest.mark.parametrize(("tools", "arguments"), SHELLS)
def test_it_edits_by_a_shell_then_ends(tools: Any, arguments: dict[str, Any]) -> None:
    scripted = Scripted("shell", EDITS)
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    (call,) = scripted(request(tools=tools, messages=messages)).tools
    wanted = json.dumps(arguments).replace('"SCRIPT"', json.dumps(SCRIPT))
    assert dict(call.arguments) == json.loads(wanted)
    answered = [*messages, {"role": "tool", "content": "ok"}]
    assert scripted(request(tools=tools, messages=answered)).text == "summary: one"
    (call,) = scripted(request(tools=tools, messages=messages)).tools
    assert "X = 2" in str(call.arguments)


def test_it_reads_before_it_writes() -> None:
    scripted = Scripted("files", EDITS)
    tools = [
        {"name": name, "input_schema": {"properties": {}}} for name in ("Bash", "Read", "Write")
    ]
    messages: list[Any] = [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}]
    names = []
    for _ in range(2):
        (call,) = scripted(request(tools=tools, messages=messages)).tools
        names.append((call.name, call.arguments["file_path"]))
        messages.append({"role": "user", "content": [{"type": "tool_result", "content": "x"}]})
    assert names == [("Read", "/w/p/train.py"), ("Write", "/w/p/train.py")]
    assert scripted(request(tools=tools, messages=messages)).text == "summary: one"


def test_what_is_no_task_takes_nothing_from_it() -> None:
    scripted = Scripted("shell", EDITS)
    assert scripted(request(messages=[{"role": "user", "content": "a title?"}])).text == "A study"
    assert scripted(request(messages=[{"role": "user", "content": PROMPT}])).text == "A study"
    assert scripted.done == 0
