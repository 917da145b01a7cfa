"""The `report:` section of program.md."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from nightlab.program.settings import Section


def _a_list(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


class ReportSettings(Section):
    """What is written for people to read."""

    with_: Annotated[tuple[str, ...], BeforeValidator(_a_list)] = Field(
        default=("summary", "charts"), alias="with"
    )
    """What a session writes at its end, and `nightlab report` at any time: short names, or
    `package.module:Class` of your own.
    """

    every: int = Field(default=10, ge=0)
    """A session tells its progress, and writes it to `autoresearch-progress.md`, every so many
    settled trials; 0 for never.
    """
