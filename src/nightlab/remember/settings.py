"""The `remember:` section of program.md."""

from __future__ import annotations

from pathlib import PurePosixPath

from pydantic import Field, field_validator

from nightlab.program.settings import Section


class RememberSettings(Section):
    """Where the views of the ledger lie in the study."""

    results: str = "results.tsv"
    """The file name of the results table. It is kept current, and hidden from `git status`."""

    discovery: str | None = None
    """A folder of the study, as `results/discovery`, in which state.json, events.jsonl,
    current_plan.json and last_review.md are kept current for other tools. None if not given.
    """

    patience: int = Field(default=4, ge=1)
    """After so many trials in a row without a keep, memory calls for another direction: explore,
    and after half as many again recombine near misses.
    """

    @field_validator("results")
    @classmethod
    def _a_plain_name(cls, name: str) -> str:
        if "/" in name or not name or name.startswith("."):
            raise ValueError(f"{name!r} must be a plain file name, as in results.tsv")
        return name

    @field_validator("discovery")
    @classmethod
    def _a_folder_of_the_study(cls, name: str | None) -> str | None:
        path = PurePosixPath(name or "discovery")
        if path.is_absolute() or ".." in path.parts or path.parts[:1] in ((), (".git",)):
            raise ValueError(f"{name!r} must be a folder inside the study, as results/discovery")
        return name and path.as_posix()
