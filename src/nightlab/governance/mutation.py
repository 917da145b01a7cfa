"""The seed's own move: one lever at random, a step up or down, or a toggle turned over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from nightlab.propose import NothingToPropose, Setting
from nightlab.propose.random import summarise
from nightlab.propose.settings import ProposeSettings
from nightlab.types import History, Idea, Parameters, Trial, Value

PREFIX = "governance."
"""What stands before a lever's name in the scenario's space."""

TUNABLES: Mapping[str, tuple[float, float, float]] = {
    "transaction_tax_rate": (0.0, 0.6, 0.02),
    "audit_probability": (0.0, 1.0, 0.05),
    "audit_threshold_p": (0.1, 0.95, 0.05),
    "freeze_threshold_toxicity": (0.05, 0.95, 0.05),
    "incoherence_friction_rate": (0.0, 0.4, 0.02),
}
"""The numeric levers: low, high, step."""

TOGGLES = ("audit_enabled", "circuit_breaker_enabled", "incoherence_friction_enabled")
"""The levers that are on or off."""

_NUMERIC = 0.7
_PATIENCE = 10
_DIGITS = 6


@dataclass(frozen=True)
class Draw:
    """What chance says: which lever, and which way: 1 up, -1 down, 0 the other way round."""

    lever: str
    way: int

    def value(self, old: Value) -> Value:
        """Where the move leads from here. At the end of the range it may lead nowhere."""
        if not self.way:
            return not old
        low, high, step = TUNABLES[self.lever]
        return round(min(high, max(low, float(old) + step * self.way)), _DIGITS)


def _ways(lever: str) -> tuple[int, ...]:
    return (-1, 1) if lever in TUNABLES else (0,)


def draws(seed: int) -> Iterator[Draw]:
    """The stream of draws of a seed: it never ends, and knows nothing of what was accepted."""
    random = Random(seed)
    while True:
        if random.random() < _NUMERIC:
            lever = random.choice(list(TUNABLES))
            yield Draw(lever, random.choice([-1, 1]))
        else:
            yield Draw(random.choice(list(TOGGLES)), 0)


class Mutation:
    """One of five numeric levers (70 %) or of three toggles (30 %), by the stream of its seed.

    A draw of a lever that the space doesn't have is passed over. A move that changes nothing, or
    was tried, is proposed all the same, for the campaign to refuse, and the next one goes on with
    the stream. Most draws are of that kind before long, and a campaign ends after some refusals in
    a row: so after a few of them the stream runs on by itself to a move that is new. Where no move
    is left that could be new, it says so at once.
    """

    def __init__(self, settings: ProposeSettings, setting: Setting) -> None:
        self.emitter = settings.name or "mutation"
        self.seed = settings.seed
        self.space = setting.space
        self.levers = [each for each in (*TUNABLES, *TOGGLES) if PREFIX + each in setting.space]
        self.draws = [Draw(lever, way) for lever in self.levers for way in _ways(lever)]
        self._after = self._refused = 0
        self._asked: Parameters = {}
        self._turned_down: list[Parameters] = []

    def propose(self, history: History) -> Idea:
        if not self.levers:
            there = ", ".join((*TUNABLES, *TOGGLES))
            raise NothingToPropose(f"the space has none of the levers that it moves: {there}")
        values = history.incumbent.parameters
        moves = [draw for draw in self.draws if self._counts(draw, values)]
        known = self._known(history)
        new = [draw for draw in moves if _there(draw, values) not in known]
        if not new:
            raise NothingToPropose(self._all_known(len(moves), history))
        draw = self._next(history, new)
        self._asked = _there(draw, values)
        moved = {PREFIX + draw.lever: self._asked[PREFIX + draw.lever]}
        return Idea(summarise(moved, values), emitter=self.emitter, parameters=moved)

    def refused(self, idea: Idea, reason: str) -> None:
        self._refused += 1
        self._turned_down.append(self._asked)

    def _counts(self, draw: Draw, here: Parameters) -> bool:
        """Whether a move from here changes anything, and may be made."""
        name = PREFIX + draw.lever
        parameter, value = self.space.parameters[name], draw.value(here[name])
        return value != here[name] and parameter.contains(value) and parameter.active(here)

    def _known(self, history: History) -> list[Parameters]:
        """Where somebody was, or may not go."""
        been = [trial.parameters for trial in (history.baseline, *history.trials)]
        return [*been, *self._turned_down]

    def _all_known(self, moves: int, history: History) -> str:
        """Why it ends: `moves` is how many there are from the best, be they known or not."""
        own = [trial for trial in history.trials if trial.emitter == self.emitter]
        decided = sum(trial.verdict is not None for trial in own)
        left = f", {len(own) - decided} still open" if decided < len(own) else ""
        known = f"all of its moves from the best are known ({moves})"
        return f"{known if moves else 'nothing can move'}; moves decided in all: {decided}{left}"

    def _next(self, history: History, new: Sequence[Draw]) -> Draw:
        """The first draw after those of all trials and of what was refused since the last."""
        stream = (draw for draw in draws(self.seed) if draw.lever in self.levers)
        values = {trial.commit: trial.parameters for trial in (history.baseline, *history.trials)}
        for trial in history.trials:
            before = values.get(trial.parent, history.baseline.parameters)
            if trial.emitter == self.emitter and any(_made(d, trial, before) for d in self.draws):
                next(draw for draw in stream if _made(draw, trial, before))
        refused = self._refused_since(history)
        for _ in range(refused):
            next(stream)
        if refused < _PATIENCE:
            return next(stream)
        return next(draw for draw in stream if draw in new)

    def _refused_since(self, history: History) -> int:
        """How many of its ideas were refused since the last trial: by the ledger, and in here."""
        now = len(history.trials)
        if self._after != now:
            self._after, self._refused = now, 0
        told = [r for r in history.refusals if r.after == now and r.emitter == self.emitter]
        return max(self._refused, len(told))


def _there(draw: Draw, here: Parameters) -> Parameters:
    """The values that a move leads to."""
    name = PREFIX + draw.lever
    return {**here, name: draw.value(here[name])}


def _made(draw: Draw, trial: Trial, before: Parameters) -> bool:
    """Whether this draw, from these values, leads to what the trial moved."""
    name = PREFIX + draw.lever
    return name in before and trial.moved == {name: draw.value(before[name])}
