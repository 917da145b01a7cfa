"""The `judge:` section of program.md."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from nightlab.program.quantity import Share
from nightlab.program.settings import Section


class Validation(Section):
    """Now and then the incumbent is measured with a longer budget, and may be demoted."""

    every: int = Field(default=5, ge=1)
    """After so many keeps."""

    times: float = Field(default=3.0, ge=1.0, le=1000.0)
    """So many times the budget of a run, where `run.budget` is set."""

    seeds: int = Field(default=2, ge=1, le=100)
    """On so many seeds that no other decision uses."""


def _off(value: object) -> object:
    return None if value is False or value == "off" else value


class JudgeSettings(Section):
    """What it takes to be kept, beyond the policy, and what is checked afterwards."""

    keep: Literal["evidence", "any"] = "evidence"
    """`any`: improved by any amount on the panel's mean. `evidence`: the improvement must also
    stand out of the measured noise.
    """

    false_keeps: Share = 0.05
    """Of `evidence`: the expected share of false keeps among the keeps, as `5%` or `0.05`. With a
    smaller one fewer false keeps are made, and more true ones missed.
    """

    panel: Literal["fresh", "fixed"] = "fresh"
    """`fresh`: what was kept is measured again on seeds that had no part in that, and those are
    what later trials must beat; a trial in doubt meets further seeds. `fixed`: every decision is
    made on `run.seeds` alone; cheaper, and the incumbent's values are flattered.
    """

    most_seeds: int = Field(default=16, ge=2, le=1000)
    """Of `panel: fresh`: a trial that is neither clearly better nor clearly not meets at most so
    many seeds, and is then discarded as a near miss.
    """

    investigate: Share = 0.5
    """Of `panel: fresh`: the share of all runs that may go to trials in doubt, beyond the panel."""

    confirm: int = Field(default=4, ge=0, le=100)
    """Before the report the incumbent and the baseline meet so many seeds that no decision has
    used, and the report quotes those. 0 leaves it out.
    """

    validate_: Annotated[Validation | None, BeforeValidator(_off)] = Field(
        default=Validation(), alias="validate"
    )
    """A longer validation every few keeps, which may demote the incumbent; `off` for none."""

    abort: Literal["auto", "off"] = "auto"
    """Whether a run that tells its progress is stopped when it is hopeless. `auto`: when its values
    are no numbers, when it diverges, when it can't end in time; and when its curve is so far behind
    the incumbent's that it won't catch up, by what finished runs have shown. The last not for edits
    of code, nor where a parameter moves that is tagged `schedule`. `off`: every run may end.
    """

    abort_by: str = "loss"
    """Which value of the progress lines is looked at, smaller being better, where the primary
    metric is not among them.
    """
