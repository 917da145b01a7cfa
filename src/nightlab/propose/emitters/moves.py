"""Moves: which parameters may move, what was tried, and which move has the best outlook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from nightlab.propose.emitters import Move, Scene
from nightlab.propose.emitters.edges import within_edges
from nightlab.propose.emitters.outlook import Expectation, outlook_of
from nightlab.propose.emitters.settled import lost_before, refused
from nightlab.propose.emitters.steps import fits
from nightlab.types import Decision, Lesson, Memory, Parameters, Trial, Value

State = tuple[tuple[str, bool, Value], ...]
Worth = Callable[[Expectation], float]
Hope = Callable[[Expectation], bool]


def free_names(scene: Scene, kinds: Iterable[str] | None = None) -> list[str]:
    """Parameters that have an effect at the incumbent's values, of these kinds or tags."""
    space, values = scene.space.parameters, scene.values
    active = (name for name in scene.space.active(values) if name in values)
    names = [name for name in active if fits(space[name], values[name])]
    if kinds is None:
        return names
    wanted = set(kinds)
    tags = {name: space[name].tags for name in names}
    return [n for n in names if scene.kinds.get(n) in wanted or wanted & {*tags[n]}]


def state_of(scene: Scene, parameters: Parameters) -> State:
    """What has an effect at these values: two of one state would be the same experiment."""
    names = scene.space.active(parameters)
    return tuple((name, *_written(parameters[name])) for name in names if name in parameters)


def _written(value: Value) -> tuple[bool, Value]:
    """1 and 1.0 are one number; to a choice, 1 and True are two."""
    return isinstance(value, bool), value


def tried_states(scene: Scene) -> set[State]:
    """The states that are no candidates: of all trials of this campaign, of what was refused in it,
    and of what crashed or clearly lost in an earlier one.
    """
    tried = [trial.parameters for trial in _trials(scene)]
    return {state_of(scene, each) for each in (*tried, *refused(scene), *lost_before(scene))}


def fresh_moves(scene: Scene, moves: Iterable[Move]) -> list[Move]:
    """Those that lead to a state that was not tried: in range, and each state once.

    What they say of a parameter that stays, or that has no effect there, is left out.
    """
    seen, found = tried_states(scene), []
    for move in moves:
        kept = _what_moves(scene, move.parameters)
        state = state_of(scene, {**scene.values, **kept})
        if kept and state not in seen and not scene.space.out_of_range(kept):
            seen.add(state)
            found.append(replace(move, parameters=kept))
    return found


def _what_moves(scene: Scene, parameters: Parameters) -> Parameters:
    values = scene.values
    active = set(scene.space.active({**values, **parameters})) & values.keys()
    return {
        name: value
        for name, value in parameters.items()
        if name in active and _written(value) != _written(values[name])
    }


def best_of(
    scene: Scene, moves: Iterable[Move], worth: Worth, hopeful: Hope = lambda seen: True
) -> Move | None:
    """The fresh move that is worth most by what the lessons say; of equals the first.

    None where none is fresh, `hopeful` and clear of where trials have crashed.
    """
    found = within_edges(scene, fresh_moves(scene, moves))
    if not found:
        return None
    places = [{**scene.values, **move.parameters} for move in found]
    expected = zip(found, outlook_of(scene).expect(places), strict=True)
    left = [each for each in expected if hopeful(each[1])]
    return max(left, key=lambda each: worth(each[1]))[0] if left else None


def tried_ways(scene: Scene, name: str) -> set[int]:
    """Up (1), down (-1): which ways it alone was moved since the incumbent is the best."""
    parameter, values = scene.space.parameters[name], scene.values
    here = parameter.to_unit(values[name])
    found = set()
    for trial in _trials(scene):
        only = {**trial.parameters, name: values[name]}
        later = trial.number > scene.history.incumbent.number and name in trial.parameters
        known = later and fits(parameter, trial.parameters[name])
        if known and state_of(scene, only) == state_of(scene, values):
            there = parameter.to_unit(trial.parameters[name])
            found.add((there > here) - (there < here))
    return found


def _trials(scene: Scene) -> list[Trial]:
    """All of this campaign, the baseline and the incumbent with them."""
    history = scene.history
    own = [lesson.trial for lesson in scene.memory.lessons if not lesson.campaign]
    return [history.baseline, history.incumbent, *history.trials, *history.open, *own]


def kept_lessons(memory: Memory) -> list[Lesson]:
    """Keeps of this campaign, the last first."""
    own = [each for each in reversed(memory.lessons) if not each.campaign]
    return [x for x in own if x.trial.verdict and x.trial.verdict.decision is Decision.KEEP]
