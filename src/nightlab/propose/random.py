"""The `random` proposer: one parameter at a time."""

from __future__ import annotations

from random import Random

from nightlab.propose import NothingToPropose, Setting
from nightlab.propose.settings import ProposeSettings
from nightlab.types import History, Idea, Parameters


class RandomProposer:
    """Moves one parameter of the incumbent: a step where the space gives one, else a fresh draw.

    Use it as the honest yardstick for any search, and where every cause must stay apart.
    """

    def __init__(self, settings: ProposeSettings, setting: Setting) -> None:
        self.emitter = settings.name or "random"
        self.seed = settings.seed
        self.space = setting.space
        self.refusals = 0

    def propose(self, history: History) -> Idea:
        if not len(self.space):
            raise NothingToPropose(no_space())
        random = Random(f"{self.seed}:{len(history.trials)}:{self.refusals}")
        values = history.incumbent.parameters
        name = random.choice(self.space.active(values) or list(self.space.parameters))
        steps = self.space.parameters[name].neighbours(values[name])
        numeric = self.space.parameters[name].type in ("int", "float")
        stepped = getattr(self.space.parameters[name], "step", None) is not None
        if steps and (stepped or not numeric):
            value = random.choice(steps)
        else:
            value = self.space.draw(name, random, avoid=values[name])
        return Idea(
            summarise({name: value}, values), emitter=self.emitter, parameters={name: value}
        )

    def refused(self, idea: Idea, reason: str) -> None:
        self.refusals += 1


def summarise(moved: Parameters, values: Parameters) -> str:
    """`DEPTH 2 -> 3, MATRIX_LR 0.02 -> 0.04`."""
    return ", ".join(f"{name} {values[name]} -> {value}" for name, value in moved.items())


def no_space() -> str:
    """What to say where there is nothing to vary."""
    return (
        "no parameter may vary: declare change.space in program.md (or widen scope and pinned),"
        " or propose with a command"
    )
