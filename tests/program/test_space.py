"""Parameter spaces: what is in range, the unit interval and back, conditions, scope."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from nightlab.program.space import Parameter, Space, describe
from nightlab.types import Value


def parameter(**settings: Any) -> Parameter:
    found: Parameter = TypeAdapter(Parameter).validate_python(settings)
    return found


def space(**parameters: dict[str, Any]) -> Space:
    return Space({name: parameter(**settings) for name, settings in parameters.items()})


positive = st.floats(1e-6, 1e6)
values = st.one_of(st.booleans(), st.integers(-99, 99), positive, st.text(max_size=5))


@st.composite
def ints(draw: st.DrawFn) -> Parameter:
    log = draw(st.booleans())
    low = draw(st.integers(1 if log else -10_000, 10_000))
    high = draw(st.integers(low + 1, low + 20_000))
    return parameter(
        type="int", low=low, high=high, log=log, step=draw(st.none() | st.integers(1, 50))
    )


@st.composite
def floats(draw: st.DrawFn) -> Parameter:
    log = draw(st.booleans())
    low = draw(positive if log else st.floats(-1e6, 1e6))
    width = draw(st.floats(1e-4, 10.0))
    high = low * (1 + width) if log else low + width
    assume(low < high)
    return parameter(type="float", low=low, high=high, log=log)


choices = st.lists(values, min_size=2, max_size=6, unique_by=lambda v: (type(v), v)).map(
    lambda options: parameter(type="choice", choices=options)
)
parameters = st.one_of(ints(), floats(), choices, st.just(parameter(type="bool")))


@given(parameters, st.floats(0, 1))
def test_every_place_on_the_unit_interval_is_a_value_in_range(p: Parameter, unit: float) -> None:
    value = p.from_unit(unit)
    assert p.contains(value)
    assert 0 <= p.to_unit(value) <= 1


@given(parameters, st.floats(allow_nan=False))
def test_places_outside_the_unit_interval_are_its_ends(p: Parameter, unit: float) -> None:
    assume(not 0 <= unit <= 1)
    assert p.from_unit(unit) == p.from_unit(0.0 if unit < 0 else 1.0)


@given(ints(), st.data())
def test_a_whole_number_on_the_grid_comes_back(p: Any, data: st.DataObject) -> None:
    step = p.step or 1
    value = p.low + step * data.draw(st.integers(0, (p.high - p.low) // step))
    assert p.from_unit(p.to_unit(value)) == value


@given(floats(), st.floats(0, 1))
def test_a_real_number_comes_back_to_a_thousandth_of_the_range(p: Any, share: float) -> None:
    value = min(max(p.low + share * (p.high - p.low), p.low), p.high)
    assert abs(float(p.from_unit(p.to_unit(value))) - value) <= (p.high - p.low) / 1000
    once = p.from_unit(p.to_unit(value))
    assert p.from_unit(p.to_unit(once)) == once


@given(choices | st.just(parameter(type="bool")))
def test_every_option_comes_back(p: Any) -> None:
    for option in p.options:
        again = p.from_unit(p.to_unit(option))
        assert (type(again), again) == (type(option), option)


def test_1_and_true_are_two_options() -> None:
    p = parameter(type="choice", choices=[1, True, 1.0])
    assert [p.from_unit(p.to_unit(option)) for option in (1, True, 1.0)] == [1, True, 1.0]
    assert p.neighbours(True) == [1, 1.0]
    assert type(p.from_unit(p.to_unit(True))) is bool
    assert not parameter(type="choice", choices=[1, 2]).contains(True)


def test_the_scale_of_a_parameter() -> None:
    assert parameter(type="float", low=0, high=10).from_unit(0.5) == 5
    assert parameter(type="float", low=0.001, high=10, log=True).from_unit(0.5) == 0.1
    assert parameter(type="float", low=0.001, high=10, log=True).to_unit(1.0) == pytest.approx(0.75)
    assert parameter(type="int", low=1, high=100, log=True).from_unit(0.5) == 10
    assert parameter(type="int", low=2, high=9, step=3).from_unit(1) == 8
    assert parameter(type="bool").from_unit(0.5) is True
    assert parameter(type="float", low=0.9, high=0.95).to_unit(7) == 1


def test_real_numbers_are_short_but_fill_a_narrow_range() -> None:
    wide = parameter(type="float", low=0, high=1)
    assert wide.from_unit(1 / 3) == 0.3333
    narrow = parameter(type="float", low=1000.0, high=1000.5)
    assert len({narrow.from_unit(i / 999) for i in range(1000)}) > 900


@pytest.mark.parametrize(
    ("settings", "inside", "outside"),
    [
        ({"type": "int", "low": 2, "high": 6}, [2, 6], [1, 7, 2.0, True, "2"]),
        ({"type": "float", "low": 0, "high": 1}, [0, 0.5, 1], [-0.1, 1.1, True, "0.5"]),
        ({"type": "float", "low": 0, "high": 1}, [1e-9], [float("nan"), float("inf")]),
        ({"type": "bool"}, [True, False], [0, 1, "true"]),
        ({"type": "choice", "choices": [1, "a"]}, [1, "a"], [1.0, True, "b"]),
    ],
)
def test_what_is_allowed(
    settings: dict[str, Any], inside: list[Value], outside: list[Value]
) -> None:
    p = parameter(**settings)
    assert [p.contains(value) for value in inside] == [True] * len(inside)
    assert [p.contains(value) for value in outside] == [False] * len(outside)


@pytest.mark.parametrize(
    ("settings", "value", "neighbours"),
    [
        ({"type": "int", "low": 2, "high": 6}, 4, [3, 5]),
        ({"type": "int", "low": 2, "high": 6}, 2, [3]),
        ({"type": "int", "low": 2, "high": 8, "step": 2}, 8, [6]),
        ({"type": "float", "low": 0, "high": 1}, 0.5, []),
        ({"type": "float", "low": 0, "high": 1, "step": 0.1}, 0.3, [0.2, 0.4]),
        ({"type": "float", "low": 0, "high": 1, "step": 0.1}, 0.95, [0.85, 1.0]),
        ({"type": "float", "low": 0, "high": 1, "step": 0.1}, 1.0, [0.9]),
        ({"type": "float", "low": 0, "high": 1e-6, "step": 1e-8}, 5e-8, [4e-8, 6e-8]),
        ({"type": "bool"}, True, [False]),
        ({"type": "choice", "choices": ["a", "b", "c"]}, "b", ["a", "c"]),
    ],
)
def test_neighbours(settings: dict[str, Any], value: Value, neighbours: list[Value]) -> None:
    assert parameter(**settings).neighbours(value) == neighbours


@given(parameters, st.floats(0, 1))
def test_neighbours_are_other_values_in_range(p: Parameter, unit: float) -> None:
    value = p.from_unit(unit)
    for other in p.neighbours(value):
        assert p.contains(other)
        assert (type(other), other) != (type(value), value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"type": "int", "low": 3, "high": 3}, "must be below high"),
        ({"type": "float", "low": 1, "high": 0}, "low (1) must be below high (0)"),
        ({"type": "float", "low": 0, "high": 1, "log": True}, "log needs low above zero"),
        ({"type": "int", "low": -1, "high": 1, "log": True}, "log needs low above zero"),
        ({"type": "float", "low": 0, "high": float("inf")}, "must be finite"),
        ({"type": "float", "low": float("nan"), "high": 1}, "must be finite"),
        ({"type": "float", "low": -1e308, "high": 1e308}, "too far apart"),
        ({"type": "float", "low": 1e-300, "high": 1e300, "log": True}, "too far apart"),
        ({"type": "int", "low": 1, "high": 2, "step": 0}, "greater than 0"),
        ({"type": "int", "low": 1.5, "high": 2}, "valid integer"),
        ({"type": "choice", "choices": ["a"]}, "at least 2"),
        ({"type": "choice", "choices": ["a", "a"]}, "given twice"),
        ({"type": "bool", "low": 1}, "not permitted"),
        ({"type": "text"}, "does not match any of the expected tags"),
    ],
)
def test_a_parameter_that_makes_no_sense(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parameter(**settings)
    assert said in str(caught.value)


NUMBER = {"type": "int", "low": 1, "high": 3}


@pytest.mark.parametrize(
    ("when", "active"),
    [
        ({}, True),
        ({"OPTIMIZER": "adam"}, True),
        ({"OPTIMIZER": "sgd"}, False),
        ({"OPTIMIZER": ["sgd", "adam"]}, True),
        ({"OPTIMIZER": "adam", "DEPTH": [1, 2]}, False),
        ({"MISSING": 1}, False),
    ],
)
def test_a_conditional_parameter(when: dict[str, Any], active: bool) -> None:
    s = space(X={**NUMBER, "when": when})
    assert s.conditional == bool(when)
    assert s.active({"OPTIMIZER": "adam", "DEPTH": 3}) == (["X"] if active else [])


def tagged(*tags: str) -> dict[str, Any]:
    return {**NUMBER, "tags": tags}


@pytest.mark.parametrize(
    ("scope", "pinned", "free"),
    [
        ("all", (), ["A", "B", "C", "D"]),
        ("hyperparameters", (), ["A", "B", "C", "D"]),
        ("architecture", (), ["A", "C"]),
        ("optimizer", (), ["B", "C"]),
        ("architecture", ("C",), ["A"]),
        ("all", ("A", "D"), ["B", "C"]),
    ],
)
def test_scope_and_pinned(scope: Any, pinned: tuple[str, ...], free: list[str]) -> None:
    s = space(
        A=tagged("architecture"),
        B=tagged("optimizer"),
        C=tagged("architecture", "optimizer"),
        D={**NUMBER},
    )
    left = s.only(scope, pinned)
    assert list(left.parameters) == free
    assert len(left) == len(free)
    assert ("D" in left) == ("D" in free)


def test_values_out_of_range_are_told() -> None:
    s = space(A=NUMBER, B={"type": "choice", "choices": ["x", 2]}, C={"type": "bool"})
    assert s.out_of_range({"A": 2, "C": True, "unknown": 9}) == []
    assert s.out_of_range({"A": 4, "B": "y"}) == [
        "A = 4 is outside int 1 to 3",
        "B = 'y' is outside one of x, 2",
    ]


def test_a_draw_avoids_a_value_and_is_the_same_for_the_same_seed() -> None:
    s = space(A={"type": "bool"}, B={"type": "float", "low": 0, "high": 1})
    assert {s.draw("A", Random(i), avoid=True) for i in range(20)} == {False}
    assert s.draw("B", Random(3)) == s.draw("B", Random(3)) != s.draw("B", Random(4))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (NUMBER, "int 1 to 3"),
        ({"type": "float", "low": 1e-3, "high": 0.2, "log": True}, "float 0.001 to 0.2 (log)"),
        ({"type": "bool"}, "one of False, True"),
    ],
)
def test_a_range_for_people(settings: dict[str, Any], text: str) -> None:
    assert describe(parameter(**settings)) == text
