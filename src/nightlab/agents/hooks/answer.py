"""What a hook prints: one line of JSON, with the keys that the agents document and no other."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from nightlab.agents.hooks.payload import Event

LONGEST = 9_500
"""Characters of a text: Claude Code puts what is longer than 10,000 into a file."""


class _Keys(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class Context(_Keys):
    """`hookSpecificOutput` of any event that takes a context."""

    hook_event_name: Literal["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse"]
    additional_context: str


class Denial(_Keys):
    """`hookSpecificOutput` of PreToolUse where the tool may not run."""

    hook_event_name: Literal["PreToolUse"] = "PreToolUse"
    permission_decision: Literal["deny"] = "deny"
    permission_decision_reason: str


class Answer(_Keys):
    """The whole of what is printed. Nothing is printed where nothing is to be said.

    `decision` and `reason` go together: of PostToolUse they tell the agent what is wrong, of Stop
    that it must go on. `system_message` is shown to the human.
    """

    decision: Literal["block"] | None = None
    reason: str | None = None
    system_message: str | None = None
    hook_specific_output: Context | Denial | None = None

    def line(self) -> str:
        """As one line of JSON."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


def context(event: Event, text: str, message: str | None = None) -> Answer:
    """An answer that adds to what the agent knows."""
    told = Context(hook_event_name=event.value, additional_context=_cut(text))  # type: ignore[arg-type]
    return Answer(hook_specific_output=told, system_message=message)


def deny(reason: str) -> Answer:
    """The tool does not run, and the agent is told why."""
    return Answer(
        system_message=_cut(f"Nightlab: {reason}"),
        hook_specific_output=Denial(permission_decision_reason=_cut(reason)),
    )


def complain(reason: str, message: str) -> Answer:
    """The tool has run; the agent is told what to do about it before anything else."""
    told = Context(hook_event_name="PostToolUse", additional_context=_cut(reason))
    return Answer(
        decision="block", reason=_cut(reason), system_message=message, hook_specific_output=told
    )


def go_on(prompt: str, message: str) -> Answer:
    """The agent does not stop, but does what the prompt says."""
    return Answer(decision="block", reason=_cut(prompt), system_message=message)


def let_go(message: str) -> Answer:
    """The agent stops, and the human reads why."""
    return Answer(system_message=_cut(message))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
