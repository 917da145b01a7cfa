"""The `emitters` proposer: seven styles, chosen by what each has brought for its cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from nightlab.program.mechanism import are_one
from nightlab.program.problem import did_you_mean
from nightlab.propose import NothingToPropose, Role, Setting
from nightlab.propose.bandit import Arm, Refusals, Tally, choose, tallies, turn
from nightlab.propose.emitters import EMITTERS, Emitter, Move, Scene, load_emitter
from nightlab.propose.emitters.passing import Passes, asked, none_left
from nightlab.propose.random import no_space, summarise
from nightlab.propose.settings import ProposeSettings
from nightlab.types import (
    EmitterRecord,
    History,
    Idea,
    Memory,
    NightlabError,
    Phase,
    Plateau,
    Trial,
)

WEIGHTS: dict[Phase, dict[str, float]] = {
    Phase.BASELINE: {"local_tuner": 1.2, "simplifier": 1.1},
    Phase.EXPLOIT: {"local_tuner": 1.35, "optimizer_hacker": 1.25, "simplifier": 1.15},
    Phase.EXPLORE: {"architecture_mutator": 1.35, "contrarian": 1.25, "optimizer_hacker": 1.1},
    Phase.RECOMBINE: {"recombinator": 1.4, "contrarian": 1.2, "architecture_mutator": 1.1},
    Phase.STABILISE: {"anomaly_chaser": 1.4, "simplifier": 1.2, "local_tuner": 1.1},
}
"""How much a phase speaks for an emitter: gentle priors, which what is measured soon outweighs."""

_REACH = {Phase.EXPLORE: 1.5, Phase.RECOMBINE: 1.5}
_PLATEAU_REACH = 2.5


class EmittersProposer:
    """Seven styles of proposing, over the declared space or, with `model`, `agent` or `command`,
    as roles for whoever writes code.

    A bandit chooses among them by keeps that stand for what they cost. One that has nothing to go
    by passes the turn on.
    """

    def __init__(self, settings: ProposeSettings, setting: Setting) -> None:
        for name in settings.emitters:
            if name not in EMITTERS:
                known = did_you_mean(name, EMITTERS)
                raise NightlabError(f"propose.emitters: there is no emitter {name!r}{known}")
        self.settings = settings
        self.setting = setting
        self.parts = {self._sign(name): load_emitter(name) for name in self._names()}
        self.writer = _writer(settings, setting)
        self._refusals = Refusals()

    @property
    def emitters(self) -> frozenset[str]:
        """What its ideas are signed with."""
        return frozenset(self.parts)

    def propose(self, history: History) -> Idea:
        if self.writer is None and not len(self.setting.space):
            raise NothingToPropose(no_space())
        memory = self.setting.memory(history)
        refused = self._refusals.since(history)
        if self.writer is not None:  # it is told why, and answers again in the same role
            refused //= self.settings.attempts
        random = turn(history, refused, self.settings.seed)
        usual = Scene(
            history, memory, self.setting.space, self.setting.kinds, random, reach(memory)
        )
        crashed = self.writer is None and any(each.crashed for each in memory.lessons)
        for scene in (usual, replace(usual, daring=True)) if crashed else (usual,):
            reasons: list[str] = []
            for arm, tally in self._in_turn(scene):
                try:
                    found = self._idea(self.parts[arm.name], scene)
                except Passes as passed:
                    reasons.append(str(passed))
                    continue
                return self._signed(found, arm, tally, memory)
        raise NothingToPropose(none_left(reasons))

    def refused(self, idea: Idea, reason: str) -> None:
        self._refusals.add()
        if self.writer is not None:
            self.writer.refused(idea, reason)

    def draft(self, history: History, wish: str) -> Idea:
        """Whoever writes its code does it. Raises NothingToPropose where nobody does."""
        writer = self._needed_writer()
        writer.play(Role(self.settings.role))
        idea: Idea = writer.draft(history, wish)
        return idea

    def fix(self, history: History, trial: Trial, trace: str) -> Idea:
        """Whoever writes its code mends it. Raises NothingToPropose where nobody does."""
        fixed: Idea = self._needed_writer().fix(history, trial, trace)
        return fixed

    def _needed_writer(self) -> Any:
        if self.writer is None:
            raise NothingToPropose("nobody here writes code")
        return self.writer

    def _names(self) -> tuple[str, ...]:
        return self.settings.emitters or tuple(EMITTERS)

    def _sign(self, name: str) -> str:
        return f"{self.settings.name}/{name}" if self.settings.name else name

    def _in_turn(self, scene: Scene) -> Iterator[tuple[Arm, Tally]]:
        history, memory, before = scene.history, scene.memory, self.setting.before()
        return in_turn(self.parts, history, memory, before, self.settings, scene.random)

    def _signed(self, found: Idea, arm: Arm, tally: Tally, memory: Memory) -> Idea:
        emitter = self.parts[arm.name]
        predicted = found.predicted or emitter.predicted.value
        why = because(memory, emitter, tally)
        return replace(found, emitter=arm.name, predicted=predicted, why=why)

    def _idea(self, emitter: Emitter, scene: Scene) -> Idea:
        """Its idea. Raises Passes where it has none, or needs facts and there are none."""
        if self.writer is None:
            move = asked(emitter, lambda: emitter.move(scene))
            if move is not None:
                if self.setting.one_mechanism and not are_one(
                    move.parameters, scene.space.parameters
                ):
                    raise Passes(f"{emitter.name} would move several mechanisms")
                return _moved(move, scene.history)
        facts = asked(emitter, lambda: emitter.facts(scene.history, scene.memory))
        if emitter.needs_facts and not facts:
            raise Passes(f"{emitter.name} has nothing to go by yet")
        if self.writer is None:
            raise Passes("")
        text = " ".join(part for part in (emitter.role, self.settings.role) if part)
        self.writer.play(Role(text, tuple(facts)))
        idea: Idea = self.writer.propose(scene.history)
        return idea


def in_turn(
    parts: Mapping[str, Emitter],
    history: History,
    memory: Memory,
    before: Mapping[str, EmitterRecord],
    settings: ProposeSettings,
    random: Random,
) -> Iterator[tuple[Arm, Tally]]:
    """The emitters in the order in which the bandit would have them, by what each signs with."""
    weights = WEIGHTS.get(memory.phase, {})
    left = [
        Arm(sign, frozenset((sign,)), settings.floor, weights.get(part.name, 1.0))
        for sign, part in parts.items()
    ]
    told = tallies(left, history, settings.decay, before)
    while left:
        arm = choose(left, told, random)
        left.remove(arm)
        yield arm, told[arm.name]


def because(memory: Memory, emitter: Emitter, tally: Tally) -> str:
    """Why this emitter has its turn now, in words."""
    return f"{memory.phase.value}: {emitter.name} has brought {_told(tally)}"


def reach(memory: Memory) -> float:
    """How wide moves are now: on a plateau they widen."""
    if memory.stall.plateau is not Plateau.NONE:
        return _PLATEAU_REACH
    return _REACH.get(memory.phase, 1.0)


def _moved(move: Move, history: History) -> Idea:
    values = history.incumbent.parameters
    moved = {name: value for name, value in move.parameters.items() if values[name] != value}
    return Idea(summarise(moved, values), move.hypothesis, parameters=moved)


def _told(tally: Tally) -> str:
    keeps = "1 keep" if tally.keeps == 1 else f"{tally.keeps:.3g} keeps"
    return f"{keeps} in {tally.cost:.3g} runs so far"


def _writer(settings: ProposeSettings, setting: Setting) -> Any:
    """Whoever writes code in these roles, if the settings name somebody."""
    from nightlab.propose.build import find_proposer

    for kind in ("agent", "model", "command"):
        if getattr(settings, kind):
            named = settings.model_copy(update={"with_": kind, "name": None})
            return find_proposer(named)(named, setting)
    return None
