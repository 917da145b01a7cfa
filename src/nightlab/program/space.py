"""Parameter spaces: what search may vary, as typed parameters with a unit-interval geometry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nightlab.types import Parameters, Value

Scope = Literal["architecture", "hyperparameters", "optimizer", "all"]


class _Parameter(BaseModel):
    """What every kind of parameter has: `tags`, and a condition on other parameters (`when`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tags: tuple[str, ...] = ()
    """Words of your own, as `[architecture]`. `scope` selects by them, and the summary groups what
    failed by them.
    """

    when: dict[str, Value | list[Value]] = Field(default_factory=dict)
    """The parameter has an effect only where others have these values, as `{OPTIMIZER: muon}` or
    `{OPTIMIZER: [muon, adamw]}`; elsewhere it stays as it is.
    """

    def active(self, values: Mapping[str, Any]) -> bool:
        """Whether the conditions hold, so that the value has an effect at all."""
        return not self.when or not self.waits_for(values)

    def waits_for(self, values: Mapping[str, Any]) -> str:
        """The first parameter that must have another value before this one counts, "" for none."""
        for name, wanted in self.when.items():
            allowed = wanted if isinstance(wanted, list) else [wanted]
            if values.get(name) not in allowed:
                return name
        return ""


class _Number(_Parameter):
    log: bool = False
    """Whether to vary it on a logarithmic scale; `low` must then be above zero."""

    @model_validator(mode="after")
    def _range_makes_sense(self) -> _Number:
        low, high = self.bounds
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError("low and high must be finite")
        if low >= high:
            raise ValueError(f"low ({low:g}) must be below high ({high:g})")
        if self.log and low <= 0:
            raise ValueError(f"log needs low above zero, not {low:g}")
        if not math.isfinite(high / low if self.log else high - low):
            raise ValueError("low and high are too far apart")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        raise NotImplementedError

    def _clip(self, number: float) -> float:
        low, high = self.bounds
        return min(max(number, low), high)

    def to_unit(self, value: Value) -> float:
        """Where the value lies between low (0) and high (1), on the parameter's own scale."""
        low, high = self.bounds
        number = self._clip(float(value))
        if self.log:
            return math.log(number / low) / math.log(high / low)
        return (number - low) / (high - low)

    def _from_unit(self, unit: float) -> float:
        low, high = self.bounds
        unit = min(max(unit, 0.0), 1.0)
        if self.log:
            return self._clip(low * (high / low) ** unit)
        return self._clip(low + unit * (high - low))


class IntParameter(_Number):
    """A whole number from `low` to `high`, both included, in multiples of `step` from `low`."""

    type: Literal["int"]
    """Says which kind it is."""

    low: int
    """The lowest value."""

    high: int
    """The highest value, if `step` reaches it."""

    step: int | None = Field(default=None, gt=0)
    """The distance of neighbouring values, counted from `low`; 1 if not given."""

    @property
    def bounds(self) -> tuple[float, float]:
        return float(self.low), float(self.high)

    def contains(self, value: Value) -> bool:
        """Whether the value is allowed."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and self.low <= int(value) <= self.high

    def from_unit(self, unit: float) -> Value:
        """The value at this place between low (0) and high (1)."""
        step = self.step or 1
        number = self.low + step * round((self._from_unit(unit) - self.low) / step)
        return min(number, self.low + step * ((self.high - self.low) // step))

    def neighbours(self, value: Value) -> list[Value]:
        """One step down and one up, inside the range."""
        step = self.step or 1
        return [v for v in (int(value) - step, int(value) + step) if self.contains(v)]


class FloatParameter(_Number):
    """A real number from `low` to `high`; `step` is the size of one small move."""

    type: Literal["float"]
    """Says which kind it is."""

    low: float
    """The lowest value."""

    high: float
    """The highest value."""

    step: float | None = Field(default=None, gt=0)
    """How far one move of `random` goes, up or down. Without it, each move is a fresh draw."""

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high

    def contains(self, value: Value) -> bool:
        """Whether the value is allowed."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= float(value) <= self.high

    def from_unit(self, unit: float) -> Value:
        """The value at this place between low (0) and high (1), to four significant digits.

        To more where the range is narrow, so that it always holds a thousand values.
        """
        largest, width = max(abs(self.low), abs(self.high)), self.high - self.low
        more = math.floor(math.log10(largest)) - math.floor(math.log10(width))
        return self._clip(float(f"{self._from_unit(unit):.{min(4 + max(0, more), 17)}g}"))

    def neighbours(self, value: Value) -> list[Value]:
        """One step down and one up, inside the range; none where no step is given."""
        if self.step is None:
            return []
        moved = (self._clip(float(f"{float(value) + s * self.step:.10g}")) for s in (-1, 1))
        return [v for v in moved if v != value and self.contains(v)]


class _Choices(_Parameter):
    @property
    def options(self) -> tuple[Value, ...]:
        raise NotImplementedError

    def contains(self, value: Value) -> bool:
        """Whether the value is allowed."""
        return any(_same(option, value) for option in self.options)

    def to_unit(self, value: Value) -> float:
        """The middle of the option's share of the unit interval."""
        at = next((i for i, o in enumerate(self.options) if _same(o, value)), 0)
        return (at + 0.5) / len(self.options)

    def from_unit(self, unit: float) -> Value:
        """The option whose share of the unit interval this is."""
        at = int(min(max(unit, 0.0), 1.0) * len(self.options))
        return self.options[min(at, len(self.options) - 1)]

    def neighbours(self, value: Value) -> list[Value]:
        """Every other option."""
        return [option for option in self.options if not _same(option, value)]


def _same(one: Value, other: Value) -> bool:
    """Equal and of one type: to a choice, 1 and True are two."""
    return type(one) is type(other) and one == other


class BoolParameter(_Choices):
    """On or off."""

    type: Literal["bool"]
    """Says which kind it is."""

    @property
    def options(self) -> tuple[Value, ...]:
        return (False, True)


class ChoiceParameter(_Choices):
    """One of a list of values."""

    type: Literal["choice"]
    """Says which kind it is."""

    choices: tuple[Value, ...] = Field(min_length=2)
    """The values, two or more, as `[muon, adamw]`. To a choice, `1` and `true` are two."""

    @model_validator(mode="after")
    def _each_once(self) -> ChoiceParameter:
        if len({(type(option), option) for option in self.choices}) < len(self.choices):
            raise ValueError("a choice is given twice")
        return self

    @property
    def options(self) -> tuple[Value, ...]:
        return self.choices


Parameter = Annotated[
    IntParameter | FloatParameter | BoolParameter | ChoiceParameter,
    Field(discriminator="type"),
]


class Space:
    """The parameters that search may vary, by name, in the order of the program."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self.parameters = dict(parameters)
        self._conditional = frozenset(name for name, p in self.parameters.items() if p.when)

    def __len__(self) -> int:
        return len(self.parameters)

    def __contains__(self, name: object) -> bool:
        return name in self.parameters

    @property
    def conditional(self) -> bool:
        """Whether any parameter depends on another."""
        return bool(self._conditional)

    def active(self, values: Mapping[str, Any]) -> list[str]:
        """Names of the parameters that have an effect at these values."""
        some = self._conditional
        return [n for n, p in self.parameters.items() if n not in some or p.active(values)]

    def draw(self, name: str, random: Random, avoid: Value | None = None) -> Value:
        """A fresh value, other than `avoid` where the parameter has another at all."""
        parameter = self.parameters[name]
        value = parameter.from_unit(random.random())
        for _ in range(20):
            if value != avoid:
                break
            value = parameter.from_unit(random.random())
        return value

    def out_of_range(self, values: Parameters) -> list[str]:
        """A sentence for each value that its parameter doesn't allow."""
        return [
            f"{name} = {values[name]!r} is outside {describe(parameter)}"
            for name, parameter in self.parameters.items()
            if name in values and not parameter.contains(values[name])
        ]

    def only(self, scope: Scope, pinned: tuple[str, ...] = ()) -> Space:
        """The part that `scope` and `pinned` leave free.

        `architecture` and `optimizer` select by tag; `hyperparameters` and `all` select everything.
        """
        free = {
            name: parameter
            for name, parameter in self.parameters.items()
            if name not in pinned
            and (scope not in ("architecture", "optimizer") or scope in parameter.tags)
        }
        return Space(free)


def describe(parameter: Parameter) -> str:
    """`int 2 to 6`, `float 0.001 to 0.2 (log)`, `one of 1, 2`: for people."""
    if isinstance(parameter, (IntParameter, FloatParameter)):
        scale = " (log)" if parameter.log else ""
        return f"{parameter.type} {parameter.low:g} to {parameter.high:g}{scale}"
    return f"one of {', '.join(str(option) for option in parameter.options)}"
