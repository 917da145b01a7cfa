"""The `change:` section of program.md."""

from __future__ import annotations

from pydantic import Field, model_validator

from nightlab.program.settings import Section
from nightlab.program.space import Parameter, Scope, Space


class ChangeSettings(Section):
    """What may be edited, and where the values of the space live."""

    files: tuple[str, ...] = ()
    block: str | None = None
    keys: str | None = None
    space: dict[str, Parameter] = Field(default_factory=dict)
    pinned: tuple[str, ...] = ()
    scope: Scope = "all"
    branch: str = Field(default="autoresearch", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")

    @model_validator(mode="after")
    def _something_may_change(self) -> ChangeSettings:
        if not (self.files or self.block or self.keys):
            raise ValueError("nothing may change; name `files`, `block` or `keys`")
        if self.space and not (self.block or self.keys):
            raise ValueError(
                "`space` needs a place for its values: `block: train.py` or `keys: parameters.yaml`"
            )
        unknown = [name for name in self.pinned if name not in self.space]
        if self.space and unknown:
            raise ValueError(f"pinned names are not in the space: {', '.join(unknown)}")
        return self

    def free(self) -> Space:
        """The parameters that `scope` and `pinned` leave to the search."""
        return Space(self.space).only(self.scope, self.pinned)
