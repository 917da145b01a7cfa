"""The `propose:` section of program.md."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from nightlab.program.quantity import Seconds
from nightlab.program.settings import Section


class ProposeSettings(Section):
    """One proposer. `with` is a short name, or `package.module:Class` of your own."""

    with_: str = Field(default="search", alias="with")
    command: str | None = None
    at_once: int | None = Field(default=None, ge=1)
    startup: int = Field(default=4, ge=0)
    seed: int = Field(default=0, ge=0)
    time: Seconds = 600.0

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
