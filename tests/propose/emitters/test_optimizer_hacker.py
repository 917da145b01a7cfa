"""The optimizer hacker: what belongs together moves together."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from scenes import Story

from nightlab.program.space import ChoiceParameter, FloatParameter, IntParameter, Parameter
from nightlab.propose.emitters import Move
from nightlab.propose.emitters.optimizer_hacker import OptimizerHacker, coherent_moves
from nightlab.types import Value

RATE = FloatParameter(type="float", low=1e-4, high=1.0, log=True)
SHARE = FloatParameter(type="float", low=0.0, high=1.0)
SPACE: dict[str, Parameter] = {
    "MATRIX_LR": RATE,
    "EMBED_LR": RATE,
    "BATCH_SIZE": ChoiceParameter(type="choice", choices=(8, 16, 32)),
    "WARMUP": SHARE,
    "WARMDOWN": SHARE,
    "MOMENTUM": FloatParameter(type="float", low=0.5, high=0.99),
    "WEIGHT_DECAY": FloatParameter(type="float", low=1e-3, high=1.0, log=True),
    "DEPTH": IntParameter(type="int", low=1, high=8),
}
START: dict[str, Value] = {
    "MATRIX_LR": 0.02,
    "EMBED_LR": 0.2,
    "BATCH_SIZE": 16,
    "WARMUP": 0.3,
    "WARMDOWN": 0.5,
    "MOMENTUM": 0.9,
    "WEIGHT_DECAY": 0.1,
    "DEPTH": 4,
}
KINDS = dict.fromkeys(SPACE, "optimizer") | {"DEPTH": "architecture", "BATCH_SIZE": "batch"}


def moves_of(*names: str) -> list[Move]:
    scene = Story(SPACE, START, KINDS).scene()
    return coherent_moves(scene, list(names))


def ratios(move: Move, names: Iterable[str]) -> list[float]:
    return [float(move.parameters[n]) / float(START[n]) for n in names]


def test_all_learning_rates_move_by_one_factor() -> None:
    found = moves_of("MATRIX_LR", "EMBED_LR")
    assert {math.copysign(1, math.log(ratios(m, ["EMBED_LR"])[0])) for m in found} == {1, -1}
    for move in found:
        one, other = ratios(move, ["MATRIX_LR", "EMBED_LR"])
        assert one == pytest.approx(other, rel=0.01)


def test_a_larger_batch_has_larger_rates_in_proportion_or_by_the_root() -> None:
    found = [m for m in moves_of("MATRIX_LR", "BATCH_SIZE") if m.parameters.get("BATCH_SIZE") == 32]
    assert [round(ratios(m, ["MATRIX_LR"])[0], 2) for m in found] == [2.0, 1.41]


def test_a_batch_beside_which_there_is_none_brings_no_move() -> None:
    batch = IntParameter(type="int", low=-1, high=4)
    for at in (-1, 0, 1):
        told = Story({"BATCH": batch, "LR": RATE}, {"BATCH": at, "LR": 0.02}, KINDS)
        for move in coherent_moves(told.scene(reach=2.5), ["BATCH", "LR"]):
            assert float(move.parameters.get("BATCH", 1)) > 0
    told = Story({"BATCH": batch, "LR": RATE}, {"BATCH": 1, "LR": 0.02}, KINDS)
    assert any("BATCH" in m.parameters for m in coherent_moves(told.scene(), ["BATCH", "LR"]))


def test_warmup_and_warmdown_move_the_same_way() -> None:
    found = moves_of("WARMUP", "WARMDOWN")
    assert [m.parameters for m in found] == [
        {"WARMUP": 0.5, "WARMDOWN": 0.7},
        {"WARMUP": 0.1, "WARMDOWN": 0.3},
    ]


def test_momentum_goes_against_the_rate_and_decay_too() -> None:
    found = [m for m in moves_of("MATRIX_LR", "MOMENTUM") if "MOMENTUM" in m.parameters]
    for move in found:
        momentum, rate = (float(move.parameters[n]) for n in ("MOMENTUM", "MATRIX_LR"))
        assert rate / (1 - momentum) == pytest.approx(0.02 / 0.1, rel=0.01)
    assert len(found) == 2
    for move in moves_of("MATRIX_LR", "WEIGHT_DECAY"):
        if "WEIGHT_DECAY" in move.parameters:
            one, other = ratios(move, ["MATRIX_LR", "WEIGHT_DECAY"])
            assert one * other == pytest.approx(1, rel=0.01)


def test_a_dropout_rate_is_no_learning_rate() -> None:
    scene = Story({"dropout_rate": RATE}, {"dropout_rate": 0.1}).scene()
    assert coherent_moves(scene, ["dropout_rate"]) == []


def test_it_moves_four_at_most_and_never_the_architecture() -> None:
    told = Story(SPACE, START, KINDS)
    for seed in range(30):
        move = OptimizerHacker().move(told.scene(seed=seed))
        assert move is not None
        assert len(move.parameters) <= 4
        assert "DEPTH" not in move.parameters


def test_the_lessons_choose_the_direction() -> None:
    told = Story({"MATRIX_LR": RATE}, {"MATRIX_LR": 0.02}, KINDS)
    told.tell({"MATRIX_LR": 0.005}, -1.0, error=0.01)
    told.tell({"MATRIX_LR": 0.01}, -0.5, error=0.01)
    told.tell({"MATRIX_LR": 0.024}, 0.15, error=0.01)
    move = OptimizerHacker().move(told.scene())
    assert move is not None
    assert float(move.parameters["MATRIX_LR"]) > 0.024


def test_where_nothing_is_about_the_optimizer_it_has_no_move() -> None:
    scene = Story({"DEPTH": SPACE["DEPTH"]}, {"DEPTH": 4}, KINDS).scene()
    assert OptimizerHacker().move(scene) is None


def test_it_moves_what_is_of_no_clear_kind_only_where_nothing_is_about_the_optimizer() -> None:
    act = ChoiceParameter(type="choice", choices=("none", "relu", "gelu"))
    kinds = {"ACT": "hyperparameters", "MATRIX_LR": "optimizer"}
    both = Story({"ACT": act, "MATRIX_LR": RATE}, {"ACT": "none", "MATRIX_LR": 0.02}, kinds)
    for seed in range(20):
        move = OptimizerHacker().move(both.scene(seed=seed))
        assert move is not None
        assert list(move.parameters) == ["MATRIX_LR"]
    move = OptimizerHacker().move(Story({"ACT": act}, {"ACT": "none"}, kinds).scene())
    assert move is not None
    assert list(move.parameters) == ["ACT"]


def test_a_tag_is_as_good_as_a_kind() -> None:
    tagged = FloatParameter(type="float", low=0.0, high=1.0, tags=("optimizer",))
    assert OptimizerHacker().move(Story({"beta": tagged}, {"beta": 0.5}).scene()) is not None
