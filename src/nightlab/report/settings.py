"""The `report:` section of program.md."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from nightlab.program.settings import Section


def _a_list(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


class ReportSettings(Section):
    """What is written at the end of a session and by `nightlab report`, and how often a session
    tells its progress: every so many settled trials, 0 for never.
    """

    with_: Annotated[tuple[str, ...], BeforeValidator(_a_list)] = Field(
        default=("summary", "charts"), alias="with"
    )
    every: int = Field(default=10, ge=0)
