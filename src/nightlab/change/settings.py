"""The `change:` section of program.md."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from pydantic import Field, field_validator, model_validator

from nightlab.program.problem import did_you_mean
from nightlab.program.settings import Section
from nightlab.program.space import Parameter, Scope, Space


class ChangeSettings(Section):
    """What may be edited, and where the values of the space live.

    One of `files`, `block` and `keys` is needed. A value that is set is written in place: every
    other byte of the file stays, comments included.
    """

    files: tuple[str, ...] = ()
    """Paths or patterns of files that may be edited at all, as `[train.py]` or `[src/*.py]`.

    Where it is given, `block` and `keys` must be among them. `program.md` never is.
    """

    block: str | None = None
    """The file whose constants hold the values of `space`, as `train.py`: those between a comment
    with `HYPERPARAMETERS` and one with `END HYPERPARAMETERS`, or all at its top level where nothing
    is marked.
    """

    keys: str | None = None
    """A YAML or JSON file whose dotted paths hold the values of `space`, as `parameters.yaml`.

    With `block` too, names with a dot are keys.
    """

    space: dict[str, Parameter] = Field(default_factory=dict)
    """What a proposer may move, by name. `search` and `random` need a parameter or more."""

    pinned: tuple[str, ...] = ()
    """Names of the space that never move, as `[DEPTH]`."""

    within: tuple[str, ...] = ()
    """Dotted paths of the `keys` file below which its text may be edited, as `[governance]`.

    For a file that is also among `files`. Below them values may move, and keys may come and go; a
    value stays of its type, and one of the space in its range. Everything else in the file stays.
    """

    one_mechanism: bool = False
    """Whether the parameters that one change moves must have a tag in common: a toggle, and what it
    switches on. One without a tag, or outside the space, counts by the first word of its name.
    """

    scope: Scope = "all"
    """What a change may be about, of the space and of code alike. `hyperparameters`: values of
    constants alone. `architecture` and `optimizer`: constants with that tag or such a name, and the
    code of the model or of the optimizer.
    """

    device_batch: str | None = None
    """The constant that holds how many sequences go onto the device at once, as `MICRO_BATCH`,
    where gradients are accumulated to a batch of another size. After a run out of memory it is
    halved, once. Without it, a constant is looked for that is called `DEVICE_BATCH_SIZE`,
    `PER_DEVICE_BATCH_SIZE`, `MICRO_BATCH_SIZE` or the like.
    """

    branch: str = Field(default="autoresearch", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    """The first part of the name of a campaign's branch: `autoresearch/<tag>`."""

    @field_validator("block", "keys")
    @classmethod
    def _a_file_of_the_study(cls, file: str | None) -> str | None:
        path = PurePosixPath(file or "")
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{file} must be a path inside the study")
        if file == "program.md":
            raise ValueError("program.md is the human's; name another file")
        return file

    @field_validator("space")
    @classmethod
    def _conditions_name_parameters(cls, space: dict[str, Parameter]) -> dict[str, Parameter]:
        for name, parameter in space.items():
            for other in parameter.when:
                if other not in space:
                    mend = did_you_mean(other, space)
                    raise ValueError(f"{name}: `when` names {other}, not in the space{mend}")
        return space

    @model_validator(mode="after")
    def _something_may_change(self) -> ChangeSettings:
        if not (self.files or self.block or self.keys):
            raise ValueError("nothing may change; name `files`, `block` or `keys`")
        for name, path in (("block", self.block), ("keys", self.keys)):
            if path and self.files and not any(fnmatchcase(path, f) for f in self.files):
                raise ValueError(f"{name}: {path} is not among `files`, which bound every edit")
        self._sections_are_of_a_file()
        if self.space and not (self.block or self.keys):
            raise ValueError(
                "`space` needs a place for its values: `block: train.py` or `keys: parameters.yaml`"
            )
        unknown = [name for name in self.pinned if name not in self.space]
        if self.space and unknown:
            raise ValueError(f"pinned names are not in the space: {', '.join(unknown)}")
        return self

    def _sections_are_of_a_file(self) -> None:
        """Raise ValueError for a `within` that bounds nothing, or leaves the space out."""
        if self.within and not self.keys:
            raise ValueError("`within` needs the file that it is about: `keys: parameters.yaml`")
        held = [name for name in self.space if self.block is None or "." in name]
        outside = [name for name in held if not self._is_within(name)]
        if self.within and outside:
            raise ValueError(
                f"{outside[0]} is in the space, and not below {' or '.join(self.within)}"
            )

    def _is_within(self, name: str) -> bool:
        return any(name == path or name.startswith(f"{path}.") for path in self.within)

    def free(self) -> Space:
        """The parameters that `scope` and `pinned` leave to the search."""
        return Space(self.space).only(self.scope, self.pinned)
