"""Moves of the optimizer that belong together: rates by one factor, a rate with the batch."""

from __future__ import annotations

import math
from collections.abc import Iterable

from nightlab.propose.emitters import Move, Scene
from nightlab.propose.emitters.joint import joint_moves
from nightlab.propose.emitters.moves import best_of, free_names
from nightlab.propose.emitters.names import (
    BATCH,
    DECAY,
    MOMENTUM,
    WARM_DOWN,
    WARM_UP,
    learning_rates,
    named,
)
from nightlab.propose.emitters.steps import beside, is_ordered, scaled
from nightlab.propose.emitters.telling import FEW, effect_line, lesson_lines
from nightlab.types import History, Memory, Parameters, Prediction, Value

KINDS = ("optimizer", "schedule", "regularization", "batch")
_ELSE = ("hyperparameters",)
"""What it moves where nothing in the space is known to be about the optimizer."""

_MOST = 4
_STEP = 0.2
_FACTORS = (1.25, 1.6, 2.5)


class OptimizerHacker:
    """One coherent move of the optimizer, of at most four parameters.

    All learning rates by one factor, a rate with the batch, warmup with warmdown, momentum against
    the rate, decay against the rate; besides, steps of a few at once where the lessons speak for
    them together. Source of the rules of batch and momentum: Goyal and others, Accurate, Large
    Minibatch SGD, 2017; Smith & Le, A Bayesian Perspective on Generalization and SGD, 2018.
    """

    name = "optimizer_hacker"
    predicted = Prediction.IMPROVE
    needs_facts = False
    role = (
        "Work on how it is optimized, and on nothing else: learning rates and their schedule"
        " (warmup, shape of the cooldown), a schedule of the weight decay, another optimizer"
        " (AdamW, Muon, Lion, SGD), gradient clipping, rates of their own for groups of"
        " parameters, the batch and its accumulation. Change what belongs together as one move, as"
        " a larger batch with a larger rate, or a higher momentum with a lower one."
    )

    def move(self, scene: Scene) -> Move | None:
        names = free_names(scene, KINDS) or free_names(scene, _ELSE)
        moves = [*coherent_moves(scene, names), *joint_moves(scene, names, _MOST)]
        return best_of(scene, moves, lambda seen: seen.improvement)

    def facts(self, history: History, memory: Memory) -> list[str]:
        own = [e for e in memory.effects if e.of_kind and e.name in (*KINDS, *_ELSE)]
        sure = [e for e in memory.effects if named([e.name], _WORDS) and not e.of_kind]
        near = [each for each in memory.near_misses if each.niche.kind in (*KINDS, *_ELSE)]
        return [
            *(f"effect: {effect_line(each)}" for each in [*sure, *own][:FEW]),
            *(f"nearly kept: {line}" for line in lesson_lines(near, diffs=True)),
        ]


_WORDS = {*BATCH, *DECAY, *MOMENTUM, *WARM_DOWN, *WARM_UP, "lr", "rate", "beta", "optimizer"}


def coherent_moves(scene: Scene, names: list[str]) -> list[Move]:
    """Those that have a reason of their own."""
    rates = learning_rates(names)[:_MOST]
    rules = (_all_rates, _with_batch, _warm_ends, _against_momentum, _against_decay)
    return [move for rule in rules for move in rule(scene, names, rates)]


def _all_rates(scene: Scene, names: list[str], rates: list[str]) -> list[Move]:
    """All learning rates by one factor, up and down."""
    moves = []
    for factor in _factors(scene):
        found = _times(scene, rates, factor)
        if len(found) == len(rates) > 0:
            which = "all learning rates" if len(rates) > 1 else rates[0]
            said = f"{which} times {factor:.3g}: the step may be too {_size(factor)}"
            moves.append(Move(found, said))
    return moves


def _with_batch(scene: Scene, names: list[str], rates: list[str]) -> list[Move]:
    """A larger batch with larger rates, in proportion or by the root; a smaller one alike."""
    return [
        move
        for name in named(names, BATCH)
        for new in _beside(scene, name)
        for move in _by_batch(scene, name, new, rates[: _MOST - 1])
    ]


def _by_batch(scene: Scene, name: str, new: Value, rates: list[str]) -> list[Move]:
    """The batch at `new`, with both rules; none where one of the two batches is no batch."""
    old, now, moves = float(scene.values[name]), float(new), []
    if old <= 0 or now <= 0:
        return []
    for rule, factor in (("in proportion", now / old), ("by the root", math.sqrt(now / old))):
        found = _times(scene, rates, factor)
        if found:
            said = f"{name} {scene.values[name]} -> {new}, and the learning rate {rule}"
            moves.append(Move({name: new, **found}, said))
    return moves


def _warm_ends(scene: Scene, names: list[str], rates: list[str]) -> list[Move]:
    """Warmup and warmdown together: both longer, both shorter."""
    ends = [*named(names, WARM_UP)[:1], *named(names, WARM_DOWN)[:1]]
    moves = []
    for way, said in ((1, "longer"), (-1, "shorter")):
        found = {name: _one_step(scene, name, way) for name in ends}
        values = {name: value for name, value in found.items() if value is not None}
        if len(values) == 2:
            moves.append(Move(values, f"warmup and warmdown both {said}"))
    return moves


def _against_momentum(scene: Scene, names: list[str], rates: list[str]) -> list[Move]:
    """Momentum up and the rates down, so that the mean step stays; or the other way round."""
    moves = []
    for name in named(names, MOMENTUM)[:1]:
        for new in _beside(scene, name):
            old, now = float(scene.values[name]), float(new)
            if old < 1 and now < 1:
                found = _times(scene, rates[: _MOST - 1], (1 - now) / (1 - old))
                said = f"{name} {old:g} -> {now:g}, and the learning rate so that the step stays"
                moves += [Move({name: new, **found}, said)] if found else []
    return moves


def _against_decay(scene: Scene, names: list[str], rates: list[str]) -> list[Move]:
    """The rates up and weight decay down, so that the shrinking stays; or the other way round."""
    moves = []
    for name in named(names, DECAY)[:1]:
        for factor in _factors(scene):
            down = scaled(scene.space.parameters[name], scene.values[name], 1 / factor)
            found = _times(scene, rates[: _MOST - 1], factor) if down is not None else {}
            if found and down is not None:
                said = f"the learning rate times {factor:.3g}, and {name} by as much the other way"
                moves.append(Move({**found, name: down}, said))
    return moves


def _factors(scene: Scene) -> Iterable[float]:
    up = sorted({*_FACTORS, *(factor**scene.reach for factor in _FACTORS)})
    return [*up, *(1 / factor for factor in up)]


def _times(scene: Scene, names: Iterable[str], factor: float) -> Parameters:
    """Those of these that can be multiplied by it, and what they become."""
    space, values = scene.space.parameters, scene.values
    found = {name: scaled(space[name], values[name], factor) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _beside(scene: Scene, name: str) -> list[Value]:
    """One step up and down."""
    if not is_ordered(scene.space.parameters[name]):
        return []
    found = (_one_step(scene, name, way) for way in (1, -1))
    return [value for value in found if value is not None]


def _one_step(scene: Scene, name: str, way: int) -> Value | None:
    return beside(scene.space.parameters[name], scene.values[name], way, _STEP * scene.reach)


def _size(factor: float) -> str:
    return "small" if factor > 1 else "large"
