"""The local tuner: on from the last keep, then the surest effect, then whatever is untried."""

from __future__ import annotations

from scenes import Story, up

from nightlab.program.space import ChoiceParameter, FloatParameter, IntParameter
from nightlab.propose.emitters.local_tuner import LocalTuner
from nightlab.types import Effect

SHARE = FloatParameter(type="float", low=0.0, high=1.0)
COUNT = IntParameter(type="int", low=0, high=6)
KIND = ChoiceParameter(type="choice", choices=("a", "b", "c"))


def story() -> Story:
    space = {"x": SHARE, "y": SHARE, "n": COUNT, "kind": KIND}
    return Story(space, {"x": 0.5, "y": 0.5, "n": 3, "kind": "a"})


def test_after_a_keep_it_goes_on_in_the_same_direction() -> None:
    told = story()
    told.tell({"x": 0.4}, 0.5, keep=True)
    move = LocalTuner().move(told.scene(effects=[up("y")]))
    assert move is not None
    assert list(move.parameters) == ["x"]
    assert 0.2 <= float(move.parameters["x"]) < 0.4


def test_then_back_again_and_then_another_parameter() -> None:
    told = story()
    told.tell({"x": 0.4}, 0.5, keep=True)
    told.tell({"x": 0.3}, -0.3)
    back = LocalTuner().move(told.scene())
    assert back is not None
    assert float(back.parameters["x"]) > 0.4
    told.tell(dict(back.parameters), -0.1)
    other = LocalTuner().move(told.scene())
    assert other is not None
    assert "x" not in other.parameters


def test_without_a_keep_it_follows_the_surest_effect() -> None:
    effects = [up("x", 0.2, 0.15), up("y", -0.2, 0.02), up("n", 0.1, 0.5)]
    move = LocalTuner().move(story().scene(effects=effects))
    assert move is not None
    assert list(move.parameters) == ["y"]
    assert float(move.parameters["y"]) < 0.5


def test_an_option_that_has_won_is_taken_and_one_that_has_lost_is_not() -> None:
    won = [Effect("kind", 0.3, 0.05, value="c"), Effect("kind", -0.3, 0.01, value="b")]
    move = LocalTuner().move(story().scene(effects=won))
    assert move is not None
    assert move.parameters == {"kind": "c"}


def test_a_parameter_that_was_not_moved_yet_comes_before_one_that_was() -> None:
    told = Story({"x": SHARE, "y": SHARE}, {"x": 0.5, "y": 0.5})
    told.tell({"x": 0.6}, -0.1)
    told.tell({"x": 0.4}, -0.1)
    move = LocalTuner().move(told.scene())
    assert move is not None
    assert list(move.parameters) == ["y"]


def test_whole_numbers_move_by_one_at_least_and_the_reach_widens_steps() -> None:
    told = Story({"n": COUNT}, {"n": 3})
    near = LocalTuner().move(told.scene(effects=[up("n")]))
    assert near is not None
    assert near.parameters == {"n": 4}
    wide = LocalTuner().move(told.scene(effects=[up("n")], reach=2.5))
    assert wide is not None
    assert int(wide.parameters["n"]) > 4


def test_its_facts_begin_with_the_last_keep() -> None:
    told = story()
    told.tell({"x": 0.4}, 0.5, keep=True)
    scene = told.scene(effects=[up("y", 0.2, 0.1), up("n", 0.1, 0.2)])
    assert LocalTuner().facts(scene.history, scene.memory) == [
        "kept: trial 1 gained +0.5 ± 0.1: «moves x»",
        "effect: y from low to high: +0.2 ± 0.1",
    ]
