"""The architecture mutator: options, bold steps, and pairs at about equal size."""

from __future__ import annotations

import pytest
from scenes import Story, crash

from nightlab.program.space import BoolParameter, ChoiceParameter, FloatParameter, IntParameter
from nightlab.propose.emitters.architecture_mutator import ArchitectureMutator, coherent_moves

DEPTH = IntParameter(type="int", low=1, high=16)
WIDTH = IntParameter(type="int", low=16, high=512)
NORM = ChoiceParameter(type="choice", choices=("rms", "layer"))
KINDS = {
    "DEPTH": "architecture",
    "WIDTH": "architecture",
    "NORM": "normalization",
    "HEADS": "attention",
    "LR": "optimizer",
}


def test_more_depth_comes_with_less_width_at_about_as_many_weights() -> None:
    scene = Story({"DEPTH": DEPTH, "WIDTH": WIDTH}, {"DEPTH": 8, "WIDTH": 256}, KINDS).scene()
    pairs = [
        m.parameters for m in coherent_moves(scene, ["DEPTH", "WIDTH"]) if len(m.parameters) > 1
    ]
    assert len(pairs) == 2
    deeper, wider = pairs
    assert int(deeper["DEPTH"]) > 8 > int(wider["DEPTH"])
    for pair in pairs:
        weights = int(pair["DEPTH"]) * int(pair["WIDTH"]) ** 2
        assert weights == pytest.approx(8 * 256**2, rel=0.15)


def test_it_leaves_the_optimizer_alone() -> None:
    space = {"LR": FloatParameter(type="float", low=0.0, high=1.0), "NORM": NORM}
    for seed in range(20):
        move = ArchitectureMutator().move(
            Story(space, {"LR": 0.5, "NORM": "rms"}, KINDS).scene(seed=seed)
        )
        assert move is not None
        assert move.parameters == {"NORM": "layer"}


def test_its_steps_are_bold() -> None:
    told = Story({"WIDTH": WIDTH}, {"WIDTH": 256}, KINDS)
    scene = told.scene()
    sizes = [abs(int(m.parameters["WIDTH"]) - 256) for m in coherent_moves(scene, ["WIDTH"])]
    assert min(sizes) >= 0.2 * (512 - 16)


def test_the_lessons_choose_the_option() -> None:
    heads = ChoiceParameter(type="choice", choices=("full", "sliding", "mixed"))
    on = BoolParameter(type="bool")
    told = Story({"HEADS": heads, "ON": on}, {"HEADS": "full", "ON": False}, KINDS)
    told.tell({"ON": True, "HEADS": "sliding"}, -2.0, error=0.01)
    told.tell({"ON": True, "HEADS": "mixed"}, 1.0, error=0.01)
    told.tell({"ON": True}, 0.0, error=0.01)
    move = ArchitectureMutator().move(told.scene())
    assert move is not None
    assert move.parameters == {"HEADS": "mixed"}


def test_nothing_about_the_architecture_is_no_move() -> None:
    space = {"LR": FloatParameter(type="float", low=0.0, high=1.0)}
    assert ArchitectureMutator().move(Story(space, {"LR": 0.5}, KINDS).scene()) is None


def test_its_facts_are_elites_and_crashes_of_its_kinds() -> None:
    told = Story({"DEPTH": DEPTH, "LR": DEPTH}, {"DEPTH": 8, "LR": 8}, KINDS)
    deep, rate = told.tell({"DEPTH": 12}, 0.1), told.tell({"LR": 9}, 0.2)
    ended = told.tell({"DEPTH": 16}, None)
    scene = told.scene(elites={x.niche: x for x in (deep, rate)}, crashes=[crash([ended])])
    assert ArchitectureMutator().facts(scene.history, scene.memory) == [
        "best of its niche: trial 1 gained +0.1 ± 0.1: «moves DEPTH»",
        "crash: 1 trial (3) crashed with «CUDA out of memory»",
    ]
