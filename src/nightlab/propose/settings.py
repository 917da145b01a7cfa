"""The `propose:` section of program.md."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from nightlab.program.quantity import Seconds
from nightlab.program.settings import Section


class ProposeSettings(Section):
    """Where ideas come from: one proposer, or a list of them that take turns."""

    with_: str = Field(default="search", alias="with")
    """A short name, or `package.module:Class` of your own."""

    command: str | None = None
    """Of `command`: the program that edits files, as `./propose.sh`; a shell starts it.

    Where it is given, `with` may be left out.
    """

    at_once: int | None = Field(default=None, ge=1)
    """Of `search`: how many parameters one change moves at most, the largest moves first.

    Without it a change may move them all; 1 keeps causes apart.
    """

    startup: int = Field(default=4, ge=0)
    """Of `search`: how many quasi-random points it tries before it asks its model."""

    seed: int = Field(default=0, ge=0)
    """Of `search` and `random`: makes the draws repeatable."""

    time: Seconds = 600.0
    """Of `command`: how long the program may take for one idea. Then it is killed, and what it has
    edited counts.
    """

    network: bool = False
    """Of `command`: whether the program may use the network."""

    environment: tuple[str, ...] = ()
    """Of `command`: names of variables that it finds besides the usual ones, as `[OPENAI_API_KEY]`.
    """

    @model_validator(mode="before")
    @classmethod
    def _a_command_names_itself(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("command") and "with" not in data:
            return {**data, "with": "command"}
        return data

    @model_validator(mode="after")
    def _a_command_has_one(self) -> ProposeSettings:
        if self.with_ == "command" and not self.command:
            raise ValueError("`with: command` needs `command: PROGRAM`")
        return self


def one_or_more(value: Any) -> Any:
    """A single proposer as a list of one."""
    return [value] if isinstance(value, dict) else value
