"""What agents send a hook: JSON on standard input. Claude Code and Codex use the same names."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError


class Agent(str, Enum):
    """The agents that there are hooks for."""

    CLAUDE = "claude"
    CODEX = "codex"


class Event(str, Enum):
    """The moments at which an agent calls a hook, as both of them name them."""

    SESSION_START = "SessionStart"
    USER_PROMPT_SUBMIT = "UserPromptSubmit"
    PRE_TOOL_USE = "PreToolUse"
    POST_TOOL_USE = "PostToolUse"
    STOP = "Stop"


def _of_kind(kind: type) -> Callable[[Any], Any]:
    """A value of another kind counts as absent: an agent's next release must not stop a hook."""
    return lambda value: value if isinstance(value, kind) else kind()


Text = Annotated[str, BeforeValidator(_of_kind(str))]
Flag = Annotated[bool, BeforeValidator(_of_kind(bool))]
Table = Annotated[dict[str, Any], BeforeValidator(_of_kind(dict))]


class Payload(BaseModel):
    """One call of a hook. Fields that the event does not have are empty, unknown ones dropped."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    cwd: Text = ""
    """The folder that the agent works in."""

    source: Text = ""
    """Of SessionStart: `startup`, `resume`, `clear` or `compact`."""

    prompt: Text = ""
    """Of UserPromptSubmit: what the human wrote."""

    tool_name: Text = ""
    tool_input: Table = {}
    """Of a tool: `command` of a shell, `file_path` of an edit, a patch."""

    tool_use_id: Text = ""
    stop_hook_active: Flag = False
    """Of Stop: whether the agent is going on already because a hook told it to."""


def read_payload(text: str) -> Payload:
    """The payload; an empty one where nothing can be read."""
    try:
        data = json.loads(text) if text.strip() else {}
        return Payload.model_validate(data if isinstance(data, dict) else {})
    except (ValueError, RecursionError, ValidationError):
        return Payload()
