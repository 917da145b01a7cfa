"""The `sparse` proposer: a few parameters at a time, by what each of them has brought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from nightlab.propose import NothingToPropose, Setting
from nightlab.propose.bandit import Refusals, turn
from nightlab.propose.random import no_space, summarise
from nightlab.propose.settings import ProposeSettings
from nightlab.propose.sparse.effects import Effects
from nightlab.propose.sparse.evidence import Evidence, Records
from nightlab.propose.sparse.steps import Step, Steps
from nightlab.types import History, Idea, Parameters, Trial, Value

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

AT_ONCE = 4
"""So many parameters move at most, where `at_once` doesn't say."""

_EXPLORES = 0.1
_SHARPENS = 0.15
"""The shares of the ideas that look where little was tried, and that go on from a near miss."""
_COUNTS = (0.4, 0.3, 0.2, 0.1)
"""How often one, two, three, four parameters are moved."""
_NEAR = 6
_PATIENCE = 12


@dataclass(frozen=True)
class _Scene:
    """What an idea goes by. `near` are near misses: what they move, the most promising first."""

    history: History
    evidence: Evidence
    effects: Effects
    steps: Steps
    near: Sequence[tuple[Trial, Parameters]]
    here: Array
    random: Random


class SparseProposer:
    """For wide spaces of which few parameters matter, where runs are cheap and noisy.

    One to `at_once` parameters move from the incumbent. Which, is drawn by what each may bring as
    far as all trials tell, dropped ones too: the gain, and how it moves what guardrails bound.
    Now and then it goes on from a near miss, joins two, or looks where little was tried. A switch
    is turned on together with draws of what hangs on it; what has no effect never moves by itself.
    It takes milliseconds. It believes that effects add up, so where everything hangs on everything
    else, `search` does better. Source: Russo and others, A Tutorial on Thompson Sampling, 2018.
    """

    def __init__(self, settings: ProposeSettings, setting: Setting) -> None:
        self.space = setting.space
        self.emitter = settings.name or "sparse"
        self.most = settings.at_once or AT_ONCE
        self.seed = settings.seed
        self.records = Records(setting.space, setting.policy)
        self._refusals = Refusals()
        self._tried: dict[int, tuple[Parameters, frozenset[tuple[str, Value]]]] = {}

    def propose(self, history: History) -> Idea:
        if not len(self.space):
            raise NothingToPropose(no_space())
        random = turn(history, self._refusals.since(history), self.seed)
        scene, tried = self._scene(history, random), self._states(history)
        values = history.incumbent.parameters
        for _ in range(_PATIENCE):
            moved, why = self._move(scene)
            if moved and self._state({**values, **moved}) not in tried:
                break
        if not moved:
            raise NothingToPropose("no parameter of change.space has another value to take")
        return Idea(summarise(moved, values), emitter=self.emitter, parameters=moved, why=why)

    def refused(self, idea: Idea, reason: str) -> None:
        self._refusals.add()

    def _scene(self, history: History, random: Random) -> _Scene:
        evidence = self.records.read(history)
        columns, values = self.records.columns, history.incumbent.parameters
        effects = Effects(evidence, columns.names)
        moves = Counter(name for trial in history.trials for name in trial.moved)
        steps = Steps(columns, values, moves, random)
        near = _near_misses(history, evidence, effects, steps, self.most)
        return _Scene(history, evidence, effects, steps, near, columns.row(values), random)

    def _move(self, scene: _Scene) -> tuple[Parameters, str]:
        """What moves, and why."""
        drawn, count = scene.random.random(), self._count(scene.random)
        if drawn < _EXPLORES:
            return self._explored(scene, count), "looks where little was tried"
        if drawn < _EXPLORES + _SHARPENS and scene.near:
            return self._sharpened(scene)
        told = len(scene.evidence.trials)
        return self._promising(scene, count), f"may pay, as far as {told} trials tell"

    def _count(self, random: Random) -> int:
        counts = _COUNTS[: self.most]
        return random.choices(range(1, len(counts) + 1), counts)[0]

    def _promising(self, scene: _Scene, count: int, base: Parameters | None = None) -> Parameters:
        """The steps that are best together, if the effects are what they may be."""
        import numpy as np

        base = base or {}
        room = self.most - len(base)
        steps = scene.steps.all(room, [moved for _, moved in scene.near])
        begun = scene.steps.step(base)
        effects = scene.effects.sample(scene.random)
        adds = np.array([_sum(step, effects) for step in steps])
        level = scene.here @ effects + _sum(begun, effects)
        moved, names = dict(base), set(begun.names)
        for _ in range(min(count, room)):
            fits = [
                len(step.moved) <= self.most - len(moved) and not step.names & names
                for step in steps
            ]
            worth = np.where(fits, scene.effects.worth(level + adds), -np.inf)
            best = int(np.argmax(worth)) if len(steps) else 0
            enough = moved and worth[best] <= scene.effects.worth(level)
            if not any(fits) or enough:
                break
            level = level + adds[best]
            moved.update(steps[best].moved)
            names |= steps[best].names
        return moved

    def _explored(self, scene: _Scene, count: int) -> Parameters:
        """Steps of parameters that were moved least, whatever they may bring."""
        moved: dict[str, Value] = {}
        names: set[str] = set()
        order = sorted(
            scene.steps.free, key=lambda n: (scene.steps.moves.get(n, 0), scene.random.random())
        )
        for name in order:
            steps = list(scene.steps.of(name, self.most - len(moved)))
            step = scene.random.choice(steps) if steps else None
            if step and not step.names & names and len(moved) + len(step.moved) <= self.most:
                moved.update(step.moved)
                names |= step.names
                count -= 1
            if count <= 0:
                break
        return moved

    def _sharpened(self, scene: _Scene) -> tuple[Parameters, str]:
        """A near miss once more: further along, with another one, or with one step more."""
        trial, base = scene.random.choice(scene.near)
        other, more = scene.random.choice(scene.near)
        how = scene.random.random()
        both = {**more, **base}
        if how < 0.4 and both not in (base, more) and len(both) <= self.most:
            if scene.steps.has_effect(both):
                return both, f"joins near misses {trial.number} and {other.number}"
        if how < 0.7 and len(base) < self.most:
            return self._promising(scene, 1, base), f"one step more than near miss {trial.number}"
        return self._further(scene, base), f"further than near miss {trial.number}"

    def _further(self, scene: _Scene, base: Parameters) -> Parameters:
        """The same move, of half to twice its size."""
        share, values, found = scene.random.uniform(0.5, 2.0), scene.steps.values, dict(base)
        for name, new in base.items():
            parameter = self.space.parameters[name]
            if parameter.type in ("int", "float"):
                here, there = parameter.to_unit(values[name]), parameter.to_unit(new)
                found[name] = parameter.from_unit(here + share * (there - here))
        return {name: value for name, value in found.items() if value != values[name]}

    def _states(self, history: History) -> set[frozenset[tuple[str, Value]]]:
        """What was measured already, as far as it has an effect."""
        found = set()
        for trial in (history.baseline, *history.trials):
            known = self._tried.get(trial.number)
            if known is None or known[0] is not trial.parameters:
                known = trial.parameters, self._state(trial.parameters)
                self._tried[trial.number] = known
            found.add(known[1])
        return found

    def _state(self, values: Parameters) -> frozenset[tuple[str, Value]]:
        return frozenset((name, values[name]) for name in self.space.active(values))


def _sum(step: Step, effects: Array) -> Array:
    """What a step adds to each metric."""
    import numpy as np

    at, numbers = list(step.cells), list(step.cells.values())
    return np.array(numbers) @ effects[at] if at else np.zeros(effects.shape[1])


def _near_misses(
    history: History, evidence: Evidence, effects: Effects, steps: Steps, most: int
) -> list[tuple[Trial, Parameters]]:
    """Trials that may be better than the incumbent, with what they move of it."""
    import numpy as np

    if not evidence.trials:
        return []
    level = 0.0
    for trial, measured in zip(evidence.trials, evidence.measured, strict=True):
        level = float(measured[0]) if trial.number == history.incumbent.number else level
    ahead = (effects.worth(evidence.measured) - level) * np.sqrt(evidence.runs)
    found = []
    for at in np.argsort(-ahead, kind="stable"):
        trial = evidence.trials[at]
        if ahead[at] <= 0 or len(found) == _NEAR:
            break
        values = {n: v for n, v in trial.parameters.items() if n in steps.columns.first}
        news = {n: v for n, v in values.items() if v != steps.values[n]}
        moved = {n: v for n, v in news.items() if n in trial.moved}
        if len(moved) <= most and steps.has_effect(moved):
            found.append((trial, moved))
    return found
