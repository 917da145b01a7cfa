"""The anomaly chaser: other sizes of what nobody expected, and the edge of a crash."""

from __future__ import annotations

import pytest
from scenes import Story, crash, up

from nightlab.program.space import ChoiceParameter, FloatParameter
from nightlab.propose.emitters.anomaly_chaser import AnomalyChaser
from nightlab.types import Effect

SHARE = FloatParameter(type="float", low=0.0, high=1.0)
LOG = FloatParameter(type="float", low=1e-4, high=1.0, log=True)


def test_what_the_effects_explain_is_no_anomaly() -> None:
    told = Story({"x": SHARE, "y": SHARE}, {"x": 0.5, "y": 0.5})
    told.tell({"x": 0.9}, 0.4)
    told.tell({"y": 0.7}, -0.3)
    move = AnomalyChaser().move(told.scene(effects=[up("x", 1.0)]))
    assert move is not None
    assert list(move.parameters) == ["y"]
    assert float(move.parameters["y"]) in (0.6, 0.8)
    assert "trial 2 came out worse" in move.hypothesis


def test_with_nothing_odd_there_is_no_move() -> None:
    told = Story({"x": SHARE}, {"x": 0.5})
    told.tell({"x": 0.9}, 0.4)
    assert AnomalyChaser().move(told.scene(effects=[up("x", 1.0)])) is None


def test_on_a_log_scale_half_the_move_is_the_geometric_mean() -> None:
    told = Story({"rate": LOG}, {"rate": 0.01})
    told.tell({"rate": 1.0}, 0.9)
    move = AnomalyChaser().move(told.scene())
    assert move is not None
    assert move.parameters["rate"] == pytest.approx(0.1)


def test_a_crash_is_approached_at_half_its_move() -> None:
    told = Story({"x": SHARE, "y": SHARE}, {"x": 0.2, "y": 0.5})
    ended = told.tell({"x": 0.8}, None)
    move = AnomalyChaser().move(told.scene(crashes=[crash([ended])]))
    assert move is not None
    assert move.parameters == {"x": 0.5}
    assert "trial 1 crashed" in move.hypothesis


def test_where_the_lessons_leave_no_hope_it_lets_go() -> None:
    told = Story({"x": SHARE}, {"x": 0.5})
    told.tell({"x": 0.9}, -0.9, error=0.05)
    told.tell({"x": 0.7}, -0.5, error=0.05)
    told.tell({"x": 0.3}, 0.5, error=0.05)
    move = AnomalyChaser().move(told.scene())
    assert move is not None
    assert float(move.parameters["x"]) < 0.5


def test_an_option_has_no_half() -> None:
    kind = ChoiceParameter(type="choice", choices=("a", "b"))
    told = Story({"kind": kind, "x": SHARE}, {"kind": "a", "x": 0.5})
    told.tell({"kind": "b"}, -0.9)
    assert AnomalyChaser().move(told.scene()) is None


def test_an_option_that_has_always_lost_explains_its_loss() -> None:
    kind = ChoiceParameter(type="choice", choices=("a", "b"))
    told = Story({"kind": kind, "x": SHARE}, {"kind": "a", "x": 0.5})
    told.tell({"kind": "b", "x": 0.6}, -0.9)
    effects = [Effect("kind", 0.45, 0.1, value="a"), Effect("kind", -0.45, 0.1, value="b")]
    assert AnomalyChaser().move(told.scene(effects=effects)) is None
    assert AnomalyChaser().move(told.scene()) is not None


def test_the_move_counts_from_what_the_trial_was_built_on() -> None:
    told = Story({"x": SHARE, "y": SHARE}, {"x": 0.2, "y": 0.5})
    told.tell({"x": 0.6}, -0.5)
    told.tell({"y": 0.6}, 0.05, keep=True)
    move = AnomalyChaser().move(told.scene())
    assert move is not None
    assert float(move.parameters["x"]) in (0.4, 0.8)


def test_its_facts_are_the_odd_ones_and_the_crashes() -> None:
    told = Story({"x": SHARE}, {"x": 0.5}, {"x": "optimizer"})
    told.tell({"x": 0.9}, 0.5)
    told.tell({"x": 0.8}, 0.31)
    ended = told.tell({"x": 1.0}, None)
    expected = [Effect("optimizer", 0.3, 0.1, of_kind=True)]
    scene = told.scene(crashes=[crash([ended])], effects=expected)
    assert AnomalyChaser().facts(scene.history, scene.memory) == [
        "+2.0 errors from what was expected: trial 1 gained +0.5 ± 0.1: «moves x»",
        "crash: 1 trial (3) crashed with «CUDA out of memory»",
    ]
