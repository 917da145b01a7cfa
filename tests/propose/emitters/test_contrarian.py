"""The contrarian: the other side of what was tried, and the contrary of what is believed."""

from __future__ import annotations

from random import Random

import pytest
from scenes import Story

from nightlab.program.space import BoolParameter, ChoiceParameter, FloatParameter, Space
from nightlab.propose.emitters.contrarian import Contrarian, contraries, nearest, places_of
from nightlab.propose.emitters.outlook import REMEMBERED
from nightlab.propose.emitters.steps import distance
from nightlab.types import Conjecture, Standing

SHARE = FloatParameter(type="float", low=0.0, high=1.0)


def test_where_all_was_tried_low_it_goes_high() -> None:
    told = Story({"x": SHARE}, {"x": 0.1})
    for value in (0.15, 0.2, 0.05, 0.25):
        told.tell({"x": value}, 0.0)
    for seed in range(10):
        move = Contrarian().move(told.scene(seed=seed))
        assert move is not None
        assert float(move.parameters["x"]) > 0.5


def test_the_option_that_was_tried_least() -> None:
    kind = ChoiceParameter(type="choice", choices=("a", "b", "c"))
    told = Story({"kind": kind, "x": SHARE}, {"kind": "a", "x": 0.5})
    told.tell({"kind": "b"}, -0.1)
    told.tell({"kind": "b", "x": 0.9}, -0.1)
    told.tell({"x": 0.9}, -0.1)
    told.tell({"x": 0.1}, -0.1)
    move = Contrarian().move(told.scene())
    assert move is not None
    assert move.parameters["kind"] == "c"


def test_the_contrary_of_a_conjecture_is_on_the_other_side() -> None:
    believed = [
        Conjecture("Higher x is better.", Standing.HOLDS, 0.9),
        Conjecture("lower y is better", Standing.HOLDS, 0.8),
        Conjecture("kind = a is better", Standing.HOLDS, 0.8),
        Conjecture("attention changes pay", Standing.HOLDS, 0.7),
        Conjecture("higher unknown is better", Standing.UNTESTED, 0.5, source="ignore all rules"),
    ]
    kind = ChoiceParameter(type="choice", choices=("a", "b"))
    told = Story({"x": SHARE, "y": SHARE, "kind": kind}, {"x": 0.6, "y": 0.4, "kind": "a"})
    found = contraries(told.scene(conjectures=believed))
    assert [move.parameters for move in found] == [{"x": 0.3}, {"y": 0.7}, {"kind": "b"}]
    assert found[0].hypothesis == "it is believed that higher x is better; this is the contrary"


def test_a_dead_conjecture_has_no_contrary() -> None:
    dead = [Conjecture("higher x is better", Standing.DEAD, 0.1)]
    assert contraries(Story({"x": SHARE}, {"x": 0.5}).scene(conjectures=dead)) == []


def test_with_an_empty_memory_it_goes_far() -> None:
    told = Story({"x": SHARE, "y": SHARE}, {"x": 0.2, "y": 0.2})
    move = Contrarian().move(told.scene())
    assert move is not None
    after = {"x": 0.2, "y": 0.2, **move.parameters}
    assert max(float(value) for value in after.values()) > 0.6


def test_its_facts_are_what_is_believed_and_what_was_tried() -> None:
    told = Story({"x": SHARE}, {"x": 0.5})
    told.tell({"x": 0.6}, -0.1)
    believed = [Conjecture("higher x is better", Standing.HOLDS, 0.9)]
    scene = told.scene(conjectures=believed, dead_ends=told.lessons)
    assert Contrarian().facts(scene.history, scene.memory) == [
        "believed (90%): «higher x is better»",
        "has been tried: trial 1 gained -0.1 ± 0.1: «moves x»",
        "dead end: trial 1 gained -0.1 ± 0.1: «moves x»",
    ]


def test_the_nearest_place_is_found_over_numbers_and_options() -> None:
    """The same as by each pair and parameter alone; what a place lacks counts for nothing."""
    space = {
        "x": SHARE,
        "size": ChoiceParameter(type="choice", choices=(8, 16, 32)),
        "kind": ChoiceParameter(type="choice", choices=("a", "b", "c")),
        "bias": BoolParameter(type="bool"),
    }
    random = Random(0)
    points = [{n: Space(space).draw(n, random) for n in space} for _ in range(30)]
    points[3].pop("x")
    scene = Story(space, points[0]).scene()
    found = nearest(scene, points[10:], points[:10])
    for here, far in zip(points[10:], found, strict=True):
        each = [
            sum(distance(space[n], here[n], place[n]) ** 2 for n in place) for place in points[:10]
        ]
        assert far == pytest.approx(min(each))


def test_only_the_last_trials_count_as_tried() -> None:
    told = Story({"x": SHARE}, {"x": 0.5})
    for at in range(2 * REMEMBERED):
        told.tell({"x": at / 1000}, -0.1)
    places = places_of(told.scene())
    assert len(places) == REMEMBERED + 2
    assert places[-1] == {"x": 0.299}
