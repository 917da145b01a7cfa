"""The recombinator: two that nearly worked, on top of the incumbent."""

from __future__ import annotations

from dataclasses import replace

from scenes import Story

from nightlab.program.space import FloatParameter
from nightlab.propose.emitters.recombinator import Recombinator

SHARE = FloatParameter(type="float", low=0.0, high=1.0)


def story() -> Story:
    return Story({"x": SHARE, "y": SHARE, "z": SHARE}, {"x": 0.5, "y": 0.5, "z": 0.5})


def test_two_near_misses_are_joined() -> None:
    told = story()
    near = [told.tell({"x": 0.6}, 0.08), told.tell({"y": 0.3}, 0.06)]
    move = Recombinator().move(told.scene(near_misses=near))
    assert move is not None
    assert move.parameters == {"x": 0.6, "y": 0.3}
    assert "trials 1 and 2" in move.hypothesis


def test_of_one_parameter_the_value_that_gained_more_is_taken() -> None:
    told = story()
    near = [told.tell({"x": 0.6, "y": 0.3}, 0.05), told.tell({"x": 0.9, "z": 0.1}, 0.09)]
    move = Recombinator().move(told.scene(near_misses=near))
    assert move is not None
    assert move.parameters == {"x": 0.9, "y": 0.3, "z": 0.1}


def test_what_is_in_the_incumbent_already_is_left_out() -> None:
    told = story()
    near = [told.tell({"x": 0.6}, 0.08), told.tell({"y": 0.3}, 0.06)]
    told.tell({"x": 0.6, "z": 0.4}, 0.5, keep=True)
    assert Recombinator().move(told.scene(near_misses=near)) is None


def test_an_elite_and_a_near_miss_of_an_earlier_campaign() -> None:
    told = story()
    elite = told.tell({"x": 0.6}, 0.08)
    earlier = replace(told.tell({"y": 0.3}, 0.06), campaign="nov19")
    told.lessons[:] = [earlier, elite]
    move = Recombinator().move(told.scene(near_misses=[earlier], elites={elite.niche: elite}))
    assert move is not None
    assert move.parameters == {"x": 0.6, "y": 0.3}
    assert "nov19/2" in move.hypothesis


def test_the_pair_with_the_better_outlook_is_joined() -> None:
    told = story()
    near = [told.tell({"x": 0.7}, 0.2, error=0.02), told.tell({"y": 0.3}, 0.2, error=0.02)]
    near.append(told.tell({"z": 0.4}, -0.2, error=0.3))
    told.tell({"z": 0.3}, -0.6, error=0.02)
    move = Recombinator().move(told.scene(near_misses=near))
    assert move is not None
    assert move.parameters == {"x": 0.7, "y": 0.3}


def test_one_source_is_not_enough() -> None:
    told = story()
    near = [told.tell({"x": 0.6}, 0.08)]
    scene = told.scene(near_misses=near, elites={near[0].niche: near[0]})
    assert Recombinator().move(scene) is None
    assert Recombinator().facts(scene.history, scene.memory) == []


def test_edits_of_code_are_facts_and_no_moves() -> None:
    told = story()
    near = [told.tell({"x": 0.6}, 0.08), told.tell({"y": 0.3}, 0.06)]
    near = [
        replace(x, trial=replace(x.trial, moved={}, diff="--- a/f\n+++ b/f\n-a\n+b")) for x in near
    ]
    scene = told.scene(near_misses=near)
    assert Recombinator().move(scene) is None
    assert Recombinator().facts(scene.history, scene.memory) == [
        "trial 1 gained +0.08 ± 0.1: «moves x»; its diff: «-a | +b»",
        "trial 2 gained +0.06 ± 0.1: «moves y»; its diff: «-a | +b»",
    ]
