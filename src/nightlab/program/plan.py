"""A plan file: what to vary, what to hold fixed, and hypotheses, as a queue of ideas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from nightlab.program.document import Block
from nightlab.program.problem import did_you_mean
from nightlab.program.settings import Section, read_settings
from nightlab.program.space import Space
from nightlab.types import NightlabError, Value, Wish

MOST = 1000
"""So many trials a plan may ask for."""


class PlannedIdea(Section):
    """One hypothesis, in words or with the values to try."""

    text: str = Field(min_length=1)
    """What to try, in a sentence."""

    hypothesis: str = ""
    """Why it should be better."""

    set: dict[str, Value] = Field(default_factory=dict)
    """Values to try, by the name of their parameter."""


def _idea(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class Plan(Section):
    """What is to be tried, in this order: `vary` first, then `ideas`."""

    metric: str | None = None
    """The metric that it is about; it must be the policy's PRIMARY."""

    hypothesis: str = ""
    """What the plan is to find out."""

    vary: dict[str, tuple[Value, ...]] = Field(default_factory=dict)
    """Values to try, by the name of their parameter: each is a trial."""

    design: Literal["one at a time", "grid"] = "one at a time"
    """`one at a time` varies one parameter a trial, `grid` tries every combination."""

    hold: tuple[str, ...] = ()
    """Parameters that stay as they are in every trial of the plan."""

    ideas: tuple[Annotated[PlannedIdea, BeforeValidator(_idea)], ...] = ()
    """Hypotheses, each a sentence or a mapping of `text`, `hypothesis` and `set`."""

    @model_validator(mode="after")
    def _it_is_a_plan(self) -> Plan:
        if not (self.vary or self.ideas):
            raise ValueError("nothing is planned; give `vary` or `ideas`")
        both = [name for name in self.hold if name in self.vary]
        if both:
            raise ValueError(f"{', '.join(both)} can't both vary and be held")
        return self

    def wishes(self) -> Iterator[Wish]:
        """Each trial that it asks for, as an idea to be queued."""
        for values in self._combinations():
            named = ", ".join(f"{name} = {value}" for name, value in values.items())
            yield Wish(0, named, self.hypothesis, parameters=values, hold=self.hold)
        for idea in self.ideas:
            why = idea.hypothesis or self.hypothesis
            yield Wish(0, idea.text, why, parameters=idea.set, hold=self.hold)

    def _combinations(self) -> Iterator[dict[str, Value]]:
        if self.design == "grid" and self.vary:
            for values in product(*self.vary.values()):
                yield dict(zip(self.vary, values, strict=True))
        else:
            yield from ({name: v} for name, values in self.vary.items() for v in values)


def read_plan(path: Path, metric: str, space: Space) -> list[Wish]:
    """The ideas of a plan file. Raises NightlabError, ProgramError for its mistakes all at once."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NightlabError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise NightlabError(f"cannot read {path}: {error}") from None
    plan = read_settings(Block("yaml", text, 1), Plan, path.name)
    if plan.metric is not None and plan.metric != metric:
        raise NightlabError(
            f"{path.name}: it is about {plan.metric}, and the policy about {metric}"
        )
    count = _size(plan)
    if count > MOST:
        raise NightlabError(f"{path.name}: it asks for {count:,} trials; {MOST:,} are the most")
    wishes = list(plan.wishes())
    for wish in wishes:
        check_values(wish.parameters, space, path.name)
    check_values(dict.fromkeys(plan.hold, 0), space, path.name, ranges=False)
    return wishes


def _size(plan: Plan) -> int:
    counts = [len(values) for values in plan.vary.values()]
    total = sum(counts)
    if plan.design == "grid" and counts:
        total = 1
        for count in counts:
            total *= count
    return total + len(plan.ideas)


def check_values(
    values: Mapping[str, Value], space: Space, where: str, ranges: bool = True
) -> None:
    """Raise NightlabError for names that are not free to move, and values out of range."""
    unknown = [name for name in values if name not in space]
    if unknown:
        mend = did_you_mean(unknown[0], space.parameters) or "; the space is empty"
        raise NightlabError(f"{where}: {unknown[0]} is no parameter that may move{mend}")
    outside = space.out_of_range(values) if ranges else []
    if outside:
        raise NightlabError(f"{where}: {outside[0]}")
