"""Edges: options that have only ever crashed, and where beyond the last run trials crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightlab.propose.emitters import Move, Scene
from nightlab.propose.emitters.steps import fits, is_ordered
from nightlab.types import Parameters, Trial

Options = set[tuple[str, str]]

_TWICE = 2
"""So many crashes make an edge; one does for an option that was all that moved."""


def within_edges(scene: Scene, moves: list[Move]) -> list[Move]:
    """Those that stay clear of where trials have crashed; all, in a daring scene."""
    known = [each for each in scene.memory.lessons if not each.trial.edited]
    crashed = [each.trial for each in known if each.crashed]
    if scene.daring or not crashed:
        return moves
    good = [each.trial.parameters for each in known if not each.crashed]
    ran = [scene.values, scene.history.baseline.parameters, *good]
    broken = _broken(scene, crashed, ran)
    blamed = [each.moved for each in crashed if not broken & _options(scene, each.parameters)]
    ways = [(name, way) for name in {n for m in moves for n in m.parameters} for way in (1, -1)]
    limits = {(name, way): _limit(scene, name, way, blamed, ran) for name, way in ways}
    return [move for move in moves if not _crosses(scene, move, broken, limits)]


def _crosses(
    scene: Scene, move: Move, broken: Options, limits: Mapping[tuple[str, int], float | None]
) -> bool:
    for name, value in move.parameters.items():
        far = _distances(scene, name, 1, [{name: value}])
        way = 1 if far and far[0] > 0 else -1
        limit = limits[name, way]
        if far and limit is not None and way * far[0] >= limit:
            return True
    return bool(broken & _options(scene, {**scene.values, **move.parameters}))


def _options(scene: Scene, values: Parameters) -> Options:
    """The options without an order that have an effect here; to a choice, 1 and True are two."""
    space = scene.space.parameters
    names = [n for n in scene.space.active(values) if n in values and not is_ordered(space[n])]
    return {(name, repr(values[name])) for name in names}


def _broken(scene: Scene, crashed: Sequence[Trial], ran: Sequence[Parameters]) -> Options:
    """Options with which nothing has run: two trials crashed, or one that moved nothing else."""
    good = {option for values in ran for option in _options(scene, values)}
    found = [(option, t) for t in crashed for option in _options(scene, t.parameters) - good]
    alone = {option for option, trial in found if {*trial.moved} == {option[0]}}
    each = [option for option, _ in found]
    return alone | {option for option in each if each.count(option) >= _TWICE}


def _limit(
    scene: Scene, name: str, way: int, blamed: Sequence[Parameters], ran: Sequence[Parameters]
) -> float | None:
    """How far this way the second crash is, of those that are further than all that has run."""
    furthest = max(_distances(scene, name, way, ran), default=0.0)
    crashes = sorted(far for far in _distances(scene, name, way, blamed) if far > furthest)
    return crashes[_TWICE - 1] if len(crashes) >= _TWICE else None


def _distances(scene: Scene, name: str, way: int, places: Sequence[Parameters]) -> list[float]:
    """How far this way each of them is from the incumbent; none where values have no order."""
    parameter = scene.space.parameters[name]
    if not is_ordered(parameter):
        return []
    here = parameter.to_unit(scene.values[name])
    values = [place[name] for place in places if name in place]
    return [way * (parameter.to_unit(v) - here) for v in values if fits(parameter, v)]
