"""Seven styles of proposing. Each has two faces: it computes a move, or it is a role for a writer.

Over a declared space an emitter computes one coherent move, with no model needed. For code it is a
written role, with the facts that it needs from memory, for a model or an agent to play.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol

from nightlab.program.space import Space
from nightlab.types import History, Memory, Parameters, Prediction

EMITTERS = {
    name: f"nightlab.propose.emitters.{name}:{kind}"
    for name, kind in {
        "local_tuner": "LocalTuner",
        "optimizer_hacker": "OptimizerHacker",
        "architecture_mutator": "ArchitectureMutator",
        "simplifier": "Simplifier",
        "contrarian": "Contrarian",
        "recombinator": "Recombinator",
        "anomaly_chaser": "AnomalyChaser",
    }.items()
}
"""By name, where each of them is."""


@dataclass(frozen=True)
class Scene:
    """What an emitter goes by. `random` is its only source of chance, so a scene gives one move.

    `reach` says how wide a move should be: 1 as usual, more on a plateau. `kinds` says what each
    parameter is about. `daring` lets a move go where trials have crashed: nothing else is left.
    """

    history: History
    memory: Memory
    space: Space
    kinds: Mapping[str, str]
    random: Random
    reach: float = 1.0
    daring: bool = False

    @property
    def values(self) -> Parameters:
        """The incumbent's values, from which a move starts."""
        return self.history.incumbent.parameters


@dataclass(frozen=True)
class Move:
    """Values of the space that move, and why: `hypothesis` is one sentence for people."""

    parameters: Parameters
    hypothesis: str


class Emitter(Protocol):
    """One style of proposing. One that `needs_facts` is no role for a writer without them."""

    name: str
    predicted: Prediction
    role: str
    needs_facts: bool

    def move(self, scene: Scene) -> Move | None:
        """One coherent move of the incumbent; None where there is nothing for it to go by."""
        ...

    def facts(self, history: History, memory: Memory) -> list[str]:
        """What a writer needs to know to play the role, a line each, the most useful first."""
        ...


def load_emitter(name: str) -> Emitter:
    """An emitter by its name."""
    module, _, kind = EMITTERS[name].partition(":")
    found: Emitter = getattr(importlib.import_module(module), kind)()
    return found


__all__ = ["EMITTERS", "Emitter", "Move", "Scene", "load_emitter"]
