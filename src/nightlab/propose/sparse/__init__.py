"""The `sparse` proposer: a few parameters at a time, by what each of them has brought."""

from __future__ import annotations

from collections import Counter
from random import Random

from nightlab.propose import NothingToPropose, Setting
from nightlab.propose.bandit import Refusals, turn
from nightlab.propose.random import no_space, summarise
from nightlab.propose.settings import ProposeSettings
from nightlab.propose.sparse.effects import Effects
from nightlab.propose.sparse.evidence import Records
from nightlab.propose.sparse.moves import Move, Scene, draw_move
from nightlab.propose.sparse.near import near_misses
from nightlab.propose.sparse.steps import Steps
from nightlab.types import History, Idea, Parameters, Value

AT_ONCE = 4
"""So many parameters move at most, where `at_once` doesn't say."""

_PATIENCE = 12
"""So many moves are drawn where those before lead to what was measured."""

_State = frozenset[tuple[str, Value]]


class SparseProposer:
    """One to four parameters at a time, drawn by what each has brought: for wide spaces of which
    few parameters matter, where runs are cheap and noisy.

    What it knows is learned from all trials, dropped ones too: the gains, and how far each moved
    what guardrails bound. Now and then it goes on from a near miss, joins two, or looks where
    little was tried. A switch is turned on together with draws of what hangs on it; what has no
    effect never moves by itself. An idea takes milliseconds. It believes that effects add up:
    where everything hangs on everything else, `search` does better. Source: Russo and others, A
    Tutorial on Thompson Sampling, 2018.
    """

    def __init__(self, settings: ProposeSettings, setting: Setting) -> None:
        self.space = setting.space
        self.emitter = settings.name or "sparse"
        self.most = settings.at_once or AT_ONCE
        self.seed = settings.seed
        self.one_mechanism = setting.one_mechanism
        self.records = Records(setting.space, setting.policy)
        self._refusals = Refusals()
        self._tried: dict[int, tuple[Parameters, _State]] = {}

    def propose(self, history: History) -> Idea:
        if not len(self.space):
            raise NothingToPropose(no_space())
        random = turn(history, self._refusals.since(history), self.seed)
        move, values = self._drawn(history, random), history.incumbent.parameters
        if move is None:
            raise NothingToPropose("no parameter of change.space has another value to take")
        said = summarise(move.moved, values)
        return Idea(said, emitter=self.emitter, parameters=move.moved, why=move.why)

    def refused(self, idea: Idea, reason: str) -> None:
        self._refusals.add()

    def _drawn(self, history: History, random: Random) -> Move | None:
        """A move that leads to what was not measured yet; after many, one that does."""
        scene, tried = self._scene(history, random), self._states(history)
        found = None
        for _ in range(_PATIENCE):
            move = draw_move(scene)
            if move.moved:
                found = move
                if self._state({**history.incumbent.parameters, **move.moved}) not in tried:
                    break
        return found

    def _scene(self, history: History, random: Random) -> Scene:
        evidence = self.records.read(history)
        columns, values = self.records.columns, history.incumbent.parameters
        effects = Effects(evidence, columns.names)
        moves = Counter(name for trial in history.trials for name in trial.moved)
        steps = Steps(columns, values, moves, random)
        near = near_misses(history, evidence, effects, steps, self.most)
        here, told = columns.row(values), len(evidence.trials)
        return Scene(steps, effects, near, here, told, self.most, random, self.one_mechanism)

    def _states(self, history: History) -> set[_State]:
        """What was measured already, as far as it has an effect."""
        found = set()
        for trial in (history.baseline, *history.trials):
            known = self._tried.get(trial.number)
            if known is None or known[0] is not trial.parameters:
                known = trial.parameters, self._state(trial.parameters)
                self._tried[trial.number] = known
            found.add(known[1])
        return found

    def _state(self, values: Parameters) -> _State:
        return frozenset((n, values[n]) for n in self.space.active(values) if n in values)
