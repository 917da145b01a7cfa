"""The `remember:` section of program.md."""

from __future__ import annotations

from pydantic import field_validator

from nightlab.program.settings import Section


class RememberSettings(Section):
    """Where the views of the ledger lie in the study."""

    results: str = "results.tsv"
    """The file name of the results table. It is kept current, and hidden from `git status`."""

    @field_validator("results")
    @classmethod
    def _a_plain_name(cls, name: str) -> str:
        if "/" in name or not name or name.startswith("."):
            raise ValueError(f"{name!r} must be a plain file name, as in results.tsv")
        return name
