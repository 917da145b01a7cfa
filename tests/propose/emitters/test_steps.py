"""Steps on a parameter's own scale."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.program.space import (
    BoolParameter,
    ChoiceParameter,
    FloatParameter,
    IntParameter,
    Parameter,
)
from nightlab.propose.emitters.steps import beside, distance, is_ordered, part_way, scaled

PARAMETERS: list[Parameter] = [
    IntParameter(type="int", low=1, high=9),
    IntParameter(type="int", low=48, high=110, step=16),
    IntParameter(type="int", low=1, high=1000, log=True),
    FloatParameter(type="float", low=-1.0, high=2.0),
    FloatParameter(type="float", low=1e-4, high=1.0, log=True),
    FloatParameter(type="float", low=0.0, high=1.0, step=0.3),
    ChoiceParameter(type="choice", choices=(8, 16, 64)),
]


@given(
    parameter=st.sampled_from(PARAMETERS),
    unit=st.floats(0, 1),
    way=st.sampled_from([1, -1]),
    size=st.floats(0.001, 2.5),
)
def test_a_step_goes_its_way_or_there_is_no_room(
    parameter: Parameter, unit: float, way: int, size: float
) -> None:
    value = parameter.from_unit(unit)
    found = beside(parameter, value, way, size)
    if found is None:
        assert parameter.to_unit(value) == pytest.approx(0.5 + way / 2, abs=0.35)
    else:
        assert parameter.contains(found)
        assert way * (parameter.to_unit(found) - parameter.to_unit(value)) > 0


@pytest.mark.parametrize(
    ("number", "value", "size", "up"),
    [(0, 4, 0.1, 5), (1, 64, 0.1, 80), (3, 0.5, 0.1, 0.8), (5, 0.3, 0.1, 0.6), (6, 8, 0.1, 16)],
)
def test_small_steps(number: int, value: float, size: float, up: float) -> None:
    assert beside(PARAMETERS[number], value, 1, size) == up


def test_steps_of_the_space_are_whole_ones() -> None:
    assert beside(PARAMETERS[5], 0.0, 1, 0.7) == 0.6
    assert beside(PARAMETERS[5], 0.9, 1, 0.7) == 1.0  # what is left
    assert beside(PARAMETERS[5], 1.0, 1, 0.7) is None


def test_what_has_no_order_has_no_step() -> None:
    words = ChoiceParameter(type="choice", choices=("a", "b"))
    shuffled = ChoiceParameter(type="choice", choices=(16, 8, 64))
    for parameter in (words, shuffled, BoolParameter(type="bool")):
        assert not is_ordered(parameter)
        assert beside(parameter, parameter.options[0], 1, 0.5) is None
        assert distance(parameter, parameter.options[0], parameter.options[1]) == 1.0


def test_a_factor_keeps_to_the_range() -> None:
    rate = PARAMETERS[4]
    assert scaled(rate, 0.01, 2.0) == 0.02
    assert scaled(rate, 0.9, 2.0) is None
    assert scaled(PARAMETERS[0], 1, 1.2) is None
    assert scaled(PARAMETERS[6], 8, 2.0) is None


def test_part_of_the_way() -> None:
    assert part_way(PARAMETERS[4], 0.01, 1.0, 0.5) == pytest.approx(0.1)
    assert part_way(PARAMETERS[3], 0.5, 1.0, 1.5) == 1.25
    assert part_way(PARAMETERS[3], 0.5, 0.5, 0.5) is None
    assert part_way(BoolParameter(type="bool"), False, True, 0.5) is None
