"""Edges: where trials have crashed is left alone, while there is anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from scenes import Story, crash

from nightlab.program.space import BoolParameter, ChoiceParameter, FloatParameter, Parameter, Space
from nightlab.propose import NothingToPropose
from nightlab.propose.conformance import sample_setting
from nightlab.propose.emitters import Move, Scene, load_emitter
from nightlab.propose.emitters.edges import within_edges
from nightlab.propose.emitters.proposer import EmittersProposer
from nightlab.propose.settings import ProposeSettings
from nightlab.types import Memory, Value

SPACE: dict[str, Parameter] = {
    "kind": ChoiceParameter(type="choice", choices=("a", "b", "c")),
    "x": FloatParameter(type="float", low=0.0, high=1.0),
    "y": FloatParameter(type="float", low=0.0, high=1.0),
}
BIAS = BoolParameter(type="bool")
START: dict[str, Value] = {"kind": "a", "x": 0.5, "y": 0.5}


def story() -> Story:
    return Story(SPACE, START, dict.fromkeys(SPACE, "optimizer"))


def options(scene: Scene) -> list[Value]:
    moves = within_edges(scene, [Move({"kind": kind}, "") for kind in "bc"])
    return [move.parameters["kind"] for move in moves]


def places(scene: Scene, name: str = "x") -> list[Value]:
    given = [Move({name: at / 10}, "") for at in (0, 1, 3, 6, 7, 8, 9, 10)]
    return [move.parameters[name] for move in within_edges(scene, given)]


def test_an_option_that_crashed_alone_is_left_out() -> None:
    told = story()
    told.tell({"kind": "b"}, None)
    assert options(told.scene()) == ["c"]


def test_one_crash_with_other_moves_is_no_edge_and_two_are() -> None:
    told = story()
    told.tell({"kind": "b", "x": 0.6}, None)
    assert options(told.scene()) == ["b", "c"]
    told.tell({"kind": "b", "y": 0.6}, None)
    assert options(told.scene()) == ["c"]


def test_an_option_that_has_run_too_stays() -> None:
    told = story()
    told.tell({"kind": "b"}, None)
    told.tell({"kind": "b", "x": 0.1}, -0.2)
    assert options(told.scene()) == ["b", "c"]


def test_where_nothing_else_is_there_it_may_be_tried() -> None:
    told = story()
    told.tell({"kind": "b"}, None)
    told.tell({"kind": "c"}, None)
    assert options(told.scene()) == []
    assert options(replace(told.scene(), daring=True)) == ["b", "c"]


def test_beyond_two_crashes_is_left_out() -> None:
    told = story()
    told.tell({"x": 0.7}, None)
    assert 1.0 in places(told.scene())
    told.tell({"x": 0.8, "y": 0.6}, None)
    assert places(told.scene()) == [0.0, 0.1, 0.3, 0.6, 0.7]
    assert places(told.scene(), "y") == [0.0, 0.1, 0.3, 0.6, 0.7, 0.8, 0.9, 1.0]


def test_a_run_beyond_them_shows_that_it_was_something_else() -> None:
    told = story()
    told.tell({"x": 0.7}, None)
    told.tell({"x": 0.8}, None)
    told.tell({"x": 0.9}, -0.3)
    assert 1.0 in places(told.scene())


def test_a_broken_option_takes_the_blame() -> None:
    told = story()
    told.tell({"kind": "b", "x": 0.7}, None)
    told.tell({"kind": "b", "x": 0.8}, None)
    assert 1.0 in places(told.scene())


def test_edits_of_the_code_are_no_edges() -> None:
    told = story()
    lesson = told.tell({"kind": "b"}, None)
    told.lessons[:] = [replace(lesson, trial=replace(lesson.trial, edited=True))]
    assert options(told.scene()) == ["b", "c"]


@pytest.mark.parametrize("name", ["contrarian", "optimizer_hacker", "local_tuner"])
def test_emitters_stay_clear_of_the_edges(name: str) -> None:
    told = story()
    told.tell({"kind": "b"}, None)
    told.tell({"x": 0.6}, None)
    told.tell({"x": 0.7}, None)
    for seed in range(10):
        move = load_emitter(name).move(told.scene(seed=seed))
        assert move is not None
        assert move.parameters.get("kind") != "b"
        assert float(move.parameters.get("x", 0.0)) < 0.7


def test_the_farthest_point_is_one_that_may_run() -> None:
    """Where hardly anything has that option, all that is far from every trial has it."""
    told = Story(SPACE, START)
    told.tell({"kind": "b"}, None)
    for at in range(40):
        told.tell({"x": at % 7 / 6, "y": at % 6 / 5, "kind": "ac"[at % 2]}, -0.1)
    for seed in range(10):
        move = load_emitter("contrarian").move(told.scene(seed=seed))
        assert move is not None
        assert move.parameters.get("kind") != "b"


def test_the_proposer_goes_there_once_nothing_else_is_left() -> None:
    told = Story({"kind": SPACE["kind"], "bias": BIAS}, {"kind": "a", "bias": False})
    told.tell({"kind": "b"}, None)
    told.tell({"kind": "c"}, -0.1)
    told.tell({"bias": True}, -0.1)

    def next_move() -> Mapping[str, Value]:
        memory = Memory(lessons=told.lessons, crashes=[crash(told.lessons[:1])])
        setting = replace(sample_setting(Space(told.space)), memory=lambda history: memory)
        proposer = EmittersProposer(ProposeSettings.model_validate({"with": "emitters"}), setting)
        return proposer.propose(told.history()).parameters

    assert next_move() == {"kind": "c", "bias": True}
    told.tell({"kind": "c", "bias": True}, -0.1)
    assert next_move() == {"kind": "b", "bias": True}
    told.tell({"kind": "b", "bias": True}, None)
    with pytest.raises(NothingToPropose, match="none of the emitters has a move left"):
        next_move()
