"""Against the record: where nobody looked, and the opposite of what is believed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nightlab.program.claim import Claim, Form, parse_claim
from nightlab.propose.emitters import Move, Scene
from nightlab.propose.emitters.edges import within_edges
from nightlab.propose.emitters.moves import best_of, free_names, fresh_moves
from nightlab.propose.emitters.outlook import REMEMBERED, Expectation
from nightlab.propose.emitters.steps import fits, is_ordered
from nightlab.propose.emitters.telling import FEW, lesson_lines, quoted
from nightlab.types import (
    Conjecture,
    History,
    Memory,
    NightlabError,
    Parameters,
    Prediction,
    Standing,
    Value,
)

if TYPE_CHECKING:
    from nightlab.propose.emitters.outlook import Array

_DRAWN = 100
_FAREST = 20
_BOLD = 2.0
"""How many standard errors it hopes for."""


class Contrarian:
    """The opposite side of what was tried, the point farthest from all of it, or the contrary of a
    conjecture; of those whatever might, at best, gain most.

    It guards against a search that has settled too early. Source of the farthest point: Johnson,
    Moore & Ylvisaker, Minimax and maximin distance designs, 1990.
    """

    name = "contrarian"
    predicted = Prediction.UNCERTAIN
    needs_facts = False
    role = (
        "Go against the record. Look at what all trials so far have in common, and do the opposite"
        " of it: the direction that nobody took, the part of the code that nobody touched, the"
        " contrary of what is believed. It must be a serious attempt that could win, in one place,"
        " and nothing like what was tried."
    )

    def move(self, scene: Scene) -> Move | None:
        moves = [*contraries(scene), *_opposites(scene), *_farthest(scene)]
        return best_of(scene, moves, _hope)

    def facts(self, history: History, memory: Memory) -> list[str]:
        last = [each for each in reversed(memory.lessons) if not each.campaign]
        return [
            *(f"believed ({c.strength:.0%}): {quoted(c.claim)}" for c in _alive(memory)[:FEW]),
            *(f"has been tried: {line}" for line in lesson_lines(last)),
            *(f"dead end: {line}" for line in lesson_lines(memory.dead_ends)),
        ]


def _hope(seen: Expectation) -> float:
    return seen.gain + _BOLD * seen.error


def _alive(memory: Memory) -> list[Conjecture]:
    return [each for each in memory.conjectures if each.standing is Standing.HOLDS]


def contraries(scene: Scene) -> list[Move]:
    """Of what is believed of a parameter, the contrary: the other side, or another option."""
    moves = []
    for conjecture in _alive(scene.memory):
        claim = _read(conjecture.claim, free_names(scene))
        if claim is not None:
            said = f"it is believed that {claim}; this is the contrary"
            moves += [Move({claim.name: value}, said) for value in _against(scene, claim)]
    return moves


def _read(text: str, names: list[str]) -> Claim | None:
    """What it says of one of these parameters, if it says anything that can be read."""
    try:
        return parse_claim(text, names, ())
    except NightlabError:
        return None


def _against(scene: Scene, claim: Claim) -> list[Value]:
    parameter, value = scene.space.parameters[claim.name], scene.values[claim.name]
    if not is_ordered(parameter):
        return parameter.neighbours(value) if claim.form is Form.BEST else []
    here = parameter.to_unit(value)
    if claim.form is Form.BEST:  # the middle of the longer side
        return [parameter.from_unit(here / 2 if here > 0.5 else (1 + here) / 2)]
    sides = {Form.HIGHER: here / 2, Form.LOWER: (1 + here) / 2}
    return [parameter.from_unit(sides[claim.form])] if claim.form in sides else []


def _opposites(scene: Scene) -> list[Move]:
    """The side of a range where the fewest trials were; the option that was tried least."""
    moves, places = [], places_of(scene)
    for name in free_names(scene):
        parameter = scene.space.parameters[name]
        seen = [place[name] for place in places if name in place]
        if is_ordered(parameter):
            middle = sum(map(parameter.to_unit, seen)) / len(seen)
            side = "upper" if middle < 0.5 else "lower"
            said = f"hardly anything was tried in the {side} part of {name}"
            units = (0.7, 0.85, 1.0) if middle < 0.5 else (0.3, 0.15, 0.0)
            moves += [Move({name: parameter.from_unit(unit)}, said) for unit in units]
        else:
            options = parameter.neighbours(scene.values[name])
            least = min(options, key=lambda option: _times(seen, option))
            moves.append(Move({name: least}, f"{name} = {least} was tried least"))
    return moves


def _times(seen: Iterable[Value], option: Value) -> int:
    return sum(type(value) is type(option) and value == option for value in seen)


def _farthest(scene: Scene) -> list[Move]:
    """Of random points, those that are farthest from all that was tried."""
    names, places = free_names(scene), places_of(scene)
    said = "nothing like it was tried: it is far from every trial"
    drawn = [
        Move({name: scene.space.draw(name, scene.random) for name in names}, said)
        for _ in range(_DRAWN if names else 0)
    ]
    found = within_edges(scene, fresh_moves(scene, drawn))
    far = nearest(scene, [{**scene.values, **move.parameters} for move in found], places)
    farthest = sorted(range(len(found)), key=lambda at: -far[at])
    return [found[at] for at in farthest[:_FAREST]]


def nearest(scene: Scene, here: list[Parameters], places: list[Parameters]) -> list[float]:
    """How far from each of these points the nearest of the places is, squared.

    What a place does not have counts for nothing there.
    """
    import numpy as np

    names, space = list(places[0]), scene.space.parameters
    if not here:
        return []

    def units(points: list[Parameters]) -> Array:
        rows = [[space[n].to_unit(p[n]) if n in p else np.nan for n in names] for p in points]
        return np.array(rows, float)

    apart = np.abs(units(here)[:, None, :] - units(places)[None, :, :])
    options = [not is_ordered(space[name]) for name in names]
    apart[..., options] = np.sign(apart[..., options])
    found: list[float] = np.nansum(apart**2, axis=-1).min(axis=1).tolist()
    return found


def places_of(scene: Scene) -> list[Parameters]:
    """The incumbent, the baseline and what was tried last, in earlier campaigns too."""
    history = scene.history
    tried = [each.trial.parameters for each in scene.memory.lessons[-REMEMBERED:]]
    space = scene.space.parameters
    return [
        {n: v for n, v in place.items() if n in space and fits(space[n], v)}
        for place in (scene.values, history.baseline.parameters, *tried)
    ]
