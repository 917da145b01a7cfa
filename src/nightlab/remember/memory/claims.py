"""Claims on the scales: how likely each is by all trials, and which trials speak for or against."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence

from nightlab.program.claim import Claim, Form
from nightlab.program.space import BoolParameter, ChoiceParameter, Parameter
from nightlab.remember.memory.effects import Learned, has_gain, kinds_of
from nightlab.remember.memory.evidence import Evidence, Share, below, counts, judged, some
from nightlab.remember.memory.regions import in_region
from nightlab.remember.memory.ridge import regress
from nightlab.remember.memory.steps import NUMERIC, Step, place, unit
from nightlab.types import Effect, Lesson, Parameters, Value

SAME = 0.02
"""Two values of a numeric parameter this near, in units of its range, are one to a claim."""

MATTERS = 2.0
"""What brings less than so many errors of one trial does not matter."""


def weigh(claim: Claim, learned: Learned) -> Evidence:
    """A claim of any form, by all that was learned."""
    ways: dict[Form, Callable[[Claim, Learned], Evidence]] = {
        Form.HIGHER: _direction,
        Form.LOWER: _direction,
        Form.BEST: _value,
        Form.FLAT: _flat,
        Form.PAYS: _kind,
        Form.FAILS: _kind,
        Form.CRASHES_ABOVE: in_region,
        Form.CRASHES_BELOW: in_region,
    }
    return ways[claim.form](claim, learned)


def _direction(claim: Claim, learned: Learned) -> Evidence:
    """A trial that went the other way and lost speaks for it too."""
    if _options(learned.space.parameters.get(claim.name)):
        return Evidence(None, why=f"{claim.name} is a choice: say which value is better")
    found = _effects(claim.name, learned)
    if not found:
        return _unmoved(claim)
    sign, where = (1, "low to high") if claim.form is Form.HIGHER else (-1, "high to low")
    shares = _shares(claim, learned, lambda step: sign * step.moved[claim.name, NUMERIC])
    along, error = _end_to_end(claim.name, learned) or (found[0].gain, found[0].error)
    gain = sign * along
    return judged(f"{_gain(gain, error)} from {where}", gain, error, shares)


def _end_to_end(name: str, learned: Learned) -> tuple[float, float] | None:
    """What taking a number from one end of its range to the other would bring, and its error.

    The slope at the incumbent says where to go from there, and not what is better on the whole.
    """
    parameter, here = learned.space.parameters.get(name), learned.centre
    if parameter is None or name not in here:
        return None
    low, high = ({**here, name: parameter.from_unit(end)} for end in (0.0, 1.0))
    gain, error = learned.predict(low, high)
    return (gain, error) if error else None


def _value(claim: Claim, learned: Learned) -> Evidence:
    """A trial that left the value and lost speaks for it too."""
    parameter = learned.space.parameters.get(claim.name)
    if parameter is None or claim.value is None:
        return _unmoved(claim)

    def came(step: Step) -> float:
        here, before = (_is_at(claim, parameter, v) for v in (step.after, step.before))
        return float(here) - float(before)

    shares = _shares(claim, learned, came)
    if not shares:
        return _unmoved(claim, f"to or from {claim.value}")
    for effect in _effects(claim.name, learned):
        if effect.value is not None and _is_at(claim, parameter, {claim.name: effect.value}):
            said = f"{_gain(effect.gain, effect.error)} over the other options"
            return judged(said, effect.gain, effect.error, shares)
    gains, errors = [share.gain for share in shares], [share.lesson.error for share in shares]
    mean = regress([[1.0]] * len(gains), gains, errors, [share.compared for share in shares])
    gain, error = mean.of([1.0]) if mean else (0.0, 0.0)
    return judged(f"{_gain(gain, error)} where it came in", gain, error, shares)


def _flat(claim: Claim, learned: Learned) -> Evidence:
    """By the move of it that is the likeliest to matter: to another option, or to either end."""
    limit = _least_that_matters(learned.lessons)
    possible = [*_to_the_ends(claim.name, learned)]
    possible += [(effect.gain, effect.error) for effect in _effects(claim.name, learned)]
    if not possible:
        return _unmoved(claim)
    inside, gain, error = min((_within(limit, *each), *each) for each in possible)
    shares = _shares(claim, learned, lambda step: 1.0)
    beyond = tuple(s.lesson.name for s in shares if abs(s.gain) > MATTERS * s.error)
    within = tuple(s.lesson.name for s in shares if abs(s.gain) <= MATTERS * s.error)
    said = f"{_gain(gain, error)} where {limit:.2g} would matter"
    return Evidence(inside, within, beyond, counts(said, within, beyond))


def _to_the_ends(name: str, learned: Learned) -> Iterator[tuple[float, float]]:
    """What taking a number from the incumbent's value to either end of its range would bring."""
    parameter, here = learned.space.parameters.get(name), learned.centre
    if parameter is None or name not in here or _options(parameter):
        return
    for end in (0.0, 1.0):
        gain, error = learned.predict(here, {**here, name: parameter.from_unit(end)})
        if error:
            yield gain, error


def _within(limit: float, gain: float, error: float) -> float:
    """How likely the true gain is no larger than the limit, and no larger a loss."""
    return below((limit - gain) / some(error)) - below((-limit - gain) / some(error))


def _kind(claim: Claim, learned: Learned) -> Evidence:
    effects = (e for e in learned.effects if e.of_kind and e.name == claim.name)
    found = next(effects, None)
    if found is None:
        return Evidence(None, why=f"no trial of {claim.name} changes was measured")
    sign = 1 if claim.form is Form.PAYS else -1
    mine = (x for x in learned.lessons if has_gain(x) and claim.name in kinds_of(x))
    shares = [Share(lesson, sign * (lesson.gain or 0.0)) for lesson in mine]
    gain = sign * found.gain
    return judged(f"mean {_gain(found.gain, found.error)}", gain, found.error, shares)


def _shares(claim: Claim, learned: Learned, way: Callable[[Step], float]) -> list[Share]:
    """The share of each measured step that moved the parameter, turned the way it speaks for it."""
    found = []
    for step in learned.steps:
        if not has_gain(step.lesson) or claim.name not in step.names:
            continue
        if turn := way(step):
            sign = math.copysign(1.0, turn)
            found.append(Share(step.lesson, sign * learned.share(step, claim.name), step.against))
    return found


def _unmoved(claim: Claim, where: str = "") -> Evidence:
    return Evidence(None, why=" ".join(f"no trial has moved {claim.name} {where}".split()))


def _gain(gain: float, error: float) -> str:
    return f"gain {gain:+.3g} ± {error:.2g}"


def _effects(name: str, learned: Learned) -> list[Effect]:
    return [e for e in learned.effects if e.name == name and not e.of_kind]


def _options(parameter: Parameter | None) -> tuple[Value, ...]:
    if isinstance(parameter, (BoolParameter, ChoiceParameter)):
        return parameter.options
    return ()


def _is_at(claim: Claim, parameter: Parameter, values: Parameters) -> bool:
    """Whether the parameter has the claim's value; numbers of a choice go by what they are."""
    value, wanted = values.get(claim.name), claim.value
    if value is None or wanted is None:
        return False
    if options := _options(parameter):
        numbers = isinstance(wanted, (int, float)) and not isinstance(wanted, bool)
        if numbers and not isinstance(value, bool) and place(options, wanted) is None:
            return value == wanted
        return type(value) is type(wanted) and value == wanted
    here, there = unit(parameter, value), unit(parameter, wanted)
    return here is not None and there is not None and abs(here - there) <= SAME


def _least_that_matters(lessons: Sequence[Lesson]) -> float:
    """In the metric's unit: by the error of one trial, else a tenth of the usual gain or loss."""
    errors = [lesson.error for lesson in lessons if lesson.error]
    if errors:
        return MATTERS * statistics.median(errors)
    gains = [abs(lesson.gain) for lesson in lessons if lesson.gain]
    return statistics.median(gains) / 10 if gains else 0.0
