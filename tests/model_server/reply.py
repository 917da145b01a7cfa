"""What a scripted model does with one call, whatever the wire format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model wants called."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    id: str = "call_1"


@dataclass(frozen=True)
class Reply:
    """One answer, or one way to fail.

    `finish` is "stop", "length" (cut off) or "tool_calls", in whatever words the wire has for it.
    `usage` are the tokens that it counts, input and output; None where the server sends none.
    `seconds` is how long it takes. With a `status` other than 200, `text` is the error's message.
    `body` is sent as it is, in place of everything. `dropped` closes the connection without a word.
    `choices` is False for an answer that holds no choice at all.
    """

    text: str = ""
    finish: str = "stop"
    tools: tuple[ToolCall, ...] = ()
    usage: tuple[int, int] | None = (1000, 100)
    seconds: float = 0.0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    dropped: bool = False
    choices: bool = True


def says(text: str, **more: Any) -> Reply:
    """It answers with this text."""
    return Reply(text, **more)


def fails(status: int, message: str = "", **headers: str) -> Reply:
    """It answers with an error: `fails(429, retry_after="2")`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(message or f"scripted failure {status}", status=status, headers=named)


def broken(body: str = '{"choices": [{"mess') -> Reply:
    """What it sends is no JSON."""
    return Reply(body=body)


def dropped() -> Reply:
    """It hangs up."""
    return Reply(dropped=True)
