"""The simplifier: back where nothing speaks for it, then off, then smaller."""

from __future__ import annotations

from dataclasses import replace

from scenes import Story, up

from nightlab.program.space import BoolParameter, ChoiceParameter, FloatParameter, IntParameter
from nightlab.propose.emitters.simplifier import Simplifier

SHARE = FloatParameter(type="float", low=0.0, high=1.0)


def moved_on() -> Story:
    told = Story({"x": SHARE, "y": SHARE}, {"x": 0.5, "y": 0.5})
    told.tell({"x": 0.8, "y": 0.7}, 0.5, keep=True)
    told.tell({"x": 0.2, "y": 0.6}, -0.2)
    return told


def test_what_has_no_sure_effect_goes_back() -> None:
    move = Simplifier().move(moved_on().scene(effects=[up("x", 0.5, 0.05), up("y", 0.1, 0.2)]))
    assert move is not None
    assert move.parameters == {"y": 0.5}


def test_what_has_a_sure_effect_stays() -> None:
    effects = [up("x", 0.5, 0.05), up("y", 0.5, 0.05)]
    assert Simplifier().move(moved_on().scene(effects=effects)) is None


def test_an_effect_that_speaks_against_it_is_no_reason_to_stay() -> None:
    effects = [up("x", 0.5, 0.05), up("y", -0.5, 0.05)]
    move = Simplifier().move(moved_on().scene(effects=effects))
    assert move is not None
    assert move.parameters == {"y": 0.5}


def test_without_anything_to_take_back_something_goes_off_or_gets_smaller() -> None:
    for parameter, value, simpler in (
        (BoolParameter(type="bool"), True, False),
        (ChoiceParameter(type="choice", choices=("none", "layer", "rms")), "rms", "none"),
    ):
        move = Simplifier().move(Story({"NORM": parameter}, {"NORM": value}).scene())
        assert move is not None
        assert move.parameters == {"NORM": simpler}
    depth = IntParameter(type="int", low=1, high=8)
    smaller = Simplifier().move(Story({"DEPTH": depth}, {"DEPTH": 4}).scene())
    assert smaller is not None
    assert smaller.parameters == {"DEPTH": 3}
    off = Simplifier().move(Story({"WARMUP": SHARE}, {"WARMUP": 0.2}).scene())
    assert off is not None
    assert off.parameters == {"WARMUP": 0.0}


def test_what_is_as_simple_as_can_be_has_no_move() -> None:
    space = {"BIAS": BoolParameter(type="bool"), "x": SHARE, "WARMUP": SHARE}
    assert Simplifier().move(Story(space, {"BIAS": False, "x": 0.5, "WARMUP": 0.0}).scene()) is None


def test_what_the_lessons_call_a_loss_is_not_tried() -> None:
    depth = IntParameter(type="int", low=1, high=8)
    told = Story({"DEPTH": depth}, {"DEPTH": 5})
    told.tell({"DEPTH": 3}, -0.9, error=0.05)
    told.tell({"DEPTH": 2}, -1.4, error=0.05)
    told.tell({"DEPTH": 7}, 0.8, error=0.05)
    assert Simplifier().move(told.scene()) is None


def test_its_facts_are_what_made_it_longer_and_what_does_not_matter() -> None:
    told = moved_on()
    told.trials[0] = replace(told.trials[0], lines=12)
    told.lessons[0] = replace(told.lessons[0], trial=told.trials[0])
    scene = told.scene(effects=[up("x", 0.5, 0.05), up("y", 0.1, 0.2)])
    assert Simplifier().facts(scene.history, scene.memory) == [
        "kept, and made it longer: trial 1 gained +0.5 ± 0.1: «moves x, y»",
        "does not seem to matter: y from low to high: +0.1 ± 0.2",
    ]
