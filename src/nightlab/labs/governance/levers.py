"""Which levers do something in a scenario: their types and ranges, and what must be on for it.

Types are those of the simulator's own configuration class; ranges are found by asking its validator
for one value after another. A screening tells the rest: short runs in which one lever is moved at a
time, with its mechanism on. What changes no metric anywhere is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from measuring import measure
from world import World, accepted, fields, simulator

SEEDS, EPOCHS, STEPS = (7, 11), 4, 6
FAR = 1e6
TIMES = 5

Values = dict[str, Any]


class Range(NamedTuple):
    """What a lever may be: `low` and `high` are None for a toggle."""

    type: str
    low: float | None = None
    high: float | None = None

    def tries(self, now: Any) -> list[Any]:
        """The values that a screening tries in place of the one it has now."""
        if self.low is None or self.high is None:
            return [not now]
        middle = (self.low + self.high) / 2
        tries = [self.low, self.high, round(middle) if self.type == "int" else middle]
        return [value for value in tries if value != now]


def screen(
    settings: Mapping[str, Any], payoffs: bool = False, pinned: Sequence[str] = ()
) -> dict[str, Any]:
    """The levers that do something in a scenario, in the order of the simulator's class."""
    given = dict(settings.get("governance") or {})
    screening = Screening(World(settings, payoffs), settings, given)
    found = [each for each in screening.found() if each["name"] not in pinned]
    return {"levers": found, "of": len(screening.ranges)}


class Screening:
    """Short runs of a scenario with one lever moved at a time."""

    def __init__(self, world: World, settings: Mapping[str, Any], given: Values) -> None:
        self.world = world
        self.payoff = dict(settings.get("payoff") or {})
        self.given = given
        self._made: dict[frozenset[tuple[str, Any]], Any] = {}
        kind = type(simulator().parse_governance_config({}))
        levers = world.governed(given)
        self.now = {name: getattr(levers, name) for name in loading(kind)}
        self.ranges = {name: range_of(kind, name, now) for name, now in self.now.items()}
        self.toggles = [name for name in self.ranges if is_toggle(name, self.ranges[name])]
        measure(world, levers, self.payoff, SEEDS[0], EPOCHS, STEPS)  # a world that can't be run

    def differs(self, one: Values, other: Values, payoff: Values | None = None) -> bool:
        """Whether anything that is measured differs with any seed; no, where a value is refused."""
        paid = {**self.payoff, **(payoff or {})}
        try:
            before, after = self._levers(one), self._levers(other)
            return any(
                repr(measure(self.world, before, self.payoff, seed, EPOCHS, STEPS))
                != repr(measure(self.world, after, paid, seed, EPOCHS, STEPS))
                for seed in SEEDS
            )
        except ValueError:
            return False

    def _levers(self, moved: Values) -> Any:
        """The configuration with some levers moved, made once."""
        key = frozenset(moved.items())
        if key not in self._made:
            self._made[key] = self.world.governed({**self.given, **moved})
        return self._made[key]

    def found(self) -> Iterator[dict[str, Any]]:
        """Each lever that does something."""
        when: dict[str, Values] = {}
        free = {name for name in self.ranges if name not in self.toggles}
        for number, toggle in enumerate(self.toggles):
            _progress(number, len(self.toggles))
            names = [n for n in self.parameters(toggle) if self.moves(n, {toggle: False}) is None]
            when |= self.mechanism(toggle, names)
            free -= set(names)
        works = {name: self.moves(name, {}) for name in self.ranges if name in free}
        when |= {name: {} for name in works if works[name] is not None or self._joins(name, works)}
        for name in self.ranges:
            if name in when:
                tag = _tag(next(iter(when[name]), name))
                said = {"name": name, "value": self.now[name], **self.ranges[name]._asdict()}
                yield {**said, "tag": tag, "when": when[name]}
        if self.world.payoffs:
            yield from self._payoffs()

    def _joins(self, name: str, works: Values) -> bool:
        """Whether a lever without a toggle does something beside one of the same words: a split
        of a tax that is zero."""
        beside = {each: value for each, value in works.items() if _tag(each) == _tag(name)}
        return any(
            value is not None and self.moves(name, {each: value}) is not None
            for each, value in beside.items()
        )

    def mechanism(self, toggle: str, names: Sequence[str]) -> dict[str, Values]:
        """The toggle and those of its parameters that do something, with what must be on for them.

        What has no effect at first is tried with the others at values that have one, the lowest
        and the highest: nobody is frozen for longer where nobody is frozen.
        """
        on: Values = {toggle: True}
        works: dict[str, Values] = {}
        for extreme in (None, min, max):
            strong = {name: extreme(self._extremes(name)) for name in works} if extreme else {}
            for name in [each for each in names if each not in works]:
                for when in [on, *({**on, each: True} for each in self._inner(name, names))]:
                    if name in works:
                        continue
                    if self.moves(name, {**strong, **when}, extreme is not None) is not None:
                        works[name] = when | self._hangs_on(name, {**strong, **when}, names)
        for switch in {each for when in works.values() for each in when if each != toggle}:
            works.setdefault(switch, on)
        does = works or self.differs({}, {toggle: not self.now[toggle]})
        return {toggle: {}, **works} if does else {}

    def _extremes(self, name: str) -> list[Any]:
        about = self.ranges[name]
        return [True] if about.type == "bool" else [about.low, about.high]

    def _hangs_on(self, name: str, strong: Values, names: Sequence[str]) -> Values:
        """Switches within a mechanism without which a parameter does nothing."""
        return {
            switch: True
            for switch in self._inner(name, names)
            if strong.get(switch, self.now[switch])
            and self.moves(name, {**strong, switch: False}) is None
        }

    def parameters(self, toggle: str) -> list[str]:
        """What may belong to a toggle: levers that begin with its name, or follow it."""
        stem = toggle.removesuffix("_enabled")
        names = list(self.ranges)
        after = names[names.index(toggle) + 1 :]
        follow = next((n for n, each in enumerate(after) if each in self.toggles), len(after))
        others = [each for each in self.toggles if each != toggle]
        return [
            name
            for name in names
            if name not in self.toggles
            and (name.startswith(f"{stem}_") or name in after[:follow])
            and not any(name.startswith(f"{other.removesuffix('_enabled')}_") for other in others)
        ]

    def _inner(self, name: str, parameters: Sequence[str]) -> list[str]:
        """Switches within a mechanism that a parameter may hang on: of the same words at first."""
        first = "_".join(name.split("_")[:2])
        switches = [each for each in parameters if self.ranges[each].type == "bool"]
        return [each for each in switches if each != name and each.startswith(first)]

    def moves(self, name: str, with_: Values, quick: bool = False) -> Any:
        """A value of the lever that changes something, where its mechanism is set `with_`; of its
        extremes alone where that is to be `quick`."""
        now = with_.get(name, self.now[name])
        for value in self.ranges[name].tries(now)[: 2 if quick else None]:
            if self.differs(with_, {**with_, name: value}):
                return value
        return None

    def _payoffs(self) -> Iterator[dict[str, Any]]:
        """The payoffs, as `payoff.NAME`: what the world pays, and a lever only if asked for."""
        kind = type(simulator().parse_payoff_config({}))
        now = simulator().parse_payoff_config(self.payoff)
        for name in kind.model_fields:
            value = getattr(now, name)
            about = range_of(kind, name, value)
            tries = about.tries(value)
            if any(self.differs({}, {}, {name: each}) for each in tries):
                said = {"name": f"payoff.{name}", "value": value, **about._asdict()}
                yield {**said, "tag": "payoff", "when": {}}


def loading(kind: Any) -> list[str]:
    """The numbers and switches that come out of the loader as a file has them."""
    load = simulator().parse_governance_config
    found = []
    for name, field in fields().items():
        if name in accepted() and field.annotation in (bool, int, float):
            other = range_of(kind, name, field.default).tries(field.default)[:1]
            if other and getattr(load({name: other[0]}), name) == other[0]:
                found.append(name)
    return found


def is_toggle(name: str, about: Range) -> bool:
    return about.type == "bool" and name.endswith("_enabled")


def range_of(kind: Any, name: str, now: Any) -> Range:
    """Type and bounds of a lever, by its class and what that accepts; an open side goes by what
    the lever is now, or by default."""
    field = kind.model_fields[name]
    if field.annotation is bool:
        return Range("bool")

    def accepts(value: float) -> bool:
        try:
            kind(**{name: value})
        except ValueError:
            return False
        return True

    whole = field.annotation is int
    scale = max(field.default, now, key=abs)
    low, high = _low(accepts, scale, whole), _high(accepts, scale, whole)
    low, high = min(low, now), max(high, now)
    return Range("int", round(low), round(high)) if whole else Range("float", low, high)


def _low(accepts: Callable[[float], bool], scale: float, whole: bool) -> float:
    """The least value: the validator's bound, else zero, or some times a negative one."""
    if accepts(-FAR):
        return TIMES * scale if scale < 0 else 0.0
    bound = _bound(accepts, scale, -FAR, whole)
    return bound if whole or accepts(0) else max(bound, scale / 10)


def _high(accepts: Callable[[float], bool], scale: float, whole: bool) -> float:
    """The largest value: the validator's bound, else some times what it is now."""
    if not accepts(FAR):
        return _bound(accepts, scale, FAR, whole)
    if scale == 0:
        return 2.0 * TIMES
    if scale < 0:
        return 0.0
    return TIMES * scale if whole else max(1.0, TIMES * scale)


def _bound(accepts: Callable[[float], bool], inside: float, outside: float, whole: bool) -> float:
    """Where the values that are accepted end, between one that is and one that isn't."""
    while abs(outside - inside) > (1 if whole else 1e-7):
        middle = (inside + outside) / 2
        middle = int(middle // 1) if whole else middle
        if middle in (inside, outside):
            break
        inside, outside = (middle, outside) if accepts(middle) else (inside, middle)
    nearest = round(inside, 6)
    return nearest if accepts(nearest) else inside


def _tag(name: str) -> str:
    """The mechanism: the toggle without `_enabled`, else the lever's name without its last word."""
    if name.endswith("_enabled"):
        return name.removesuffix("_enabled")
    return "_".join(name.split("_")[:-1]) or name


def _progress(done: int, of: int) -> None:
    if done % 10 == 0 and sys.stderr.isatty():
        print(f"\rlevers: {done} of {of} looked at", end="", file=sys.stderr, flush=True)
