"""Who proposes next: a bandit over emitters, or over the proposers of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from nightlab.types import EmitterRecord, History

_NOTHING: Mapping[str, EmitterRecord] = {}
_RUNS = 3.0
"""A trial that was kept took about so many runs: what is assumed before anything was kept."""


@dataclass(frozen=True)
class Arm:
    """One that may propose. `emitters` are what its ideas are signed with.

    It gets `floor` of all turns at least; `weight` is how much the phase speaks for it, 1 for not
    at all.
    """

    name: str
    emitters: frozenset[str]
    floor: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True)
class Tally:
    """What an arm has brought: keeps that stand, and what all its trials cost, in runs."""

    keeps: float = 0.0
    cost: float = 0.0
    trials: int = 0


def tallies(
    arms: Sequence[Arm],
    history: History,
    decay: float = 1.0,
    before: Mapping[str, EmitterRecord] = _NOTHING,
) -> Mapping[str, Tally]:
    """By arm. With a decay below 1, a trial counts for less with each one after it.

    `before` is how emitters fared in earlier campaigns. Trials in flight have cost what they cost
    so far. What humans tried is nobody's.
    """
    last = len(history.trials)
    found = {arm.name: _earlier(arm, before, decay**last) for arm in arms}
    for trial in history.trials:
        arm = next((arm for arm in arms if trial.emitter in arm.emitters), None)
        if arm is None:
            continue
        weight, old = decay ** (last - trial.number), found[arm.name]
        keep = weight * (trial.number in history.kept)
        cost = weight * history.cost(trial)
        found[arm.name] = Tally(old.keeps + keep, old.cost + cost, old.trials + 1)
    return found


def _earlier(arm: Arm, before: Mapping[str, EmitterRecord], weight: float) -> Tally:
    known = [before[name] for name in arm.emitters if name in before]
    keeps, cost = sum(each.keeps for each in known), sum(each.cost for each in known)
    return Tally(weight * keeps, weight * cost, sum(each.attempts for each in known))


def choose(arms: Sequence[Arm], told: Mapping[str, Tally], random: Random) -> Arm:
    """The next arm: by Thompson sampling of the keeps that a run of each would bring.

    Keeps are taken for a Poisson process in what was spent: the rate of an arm has a gamma
    posterior, which begins as one keep at the rate of all arms together. Floors come first. Source:
    Thompson, Biometrika 25, 1933; Russo and others, A Tutorial on Thompson Sampling, 2018.
    """
    drawn = random.random()
    for arm in arms:
        drawn -= _floor(arm, arms)
        if drawn < 0:
            return arm
    usual = _usual_rate(list(told.values()))
    rates = [_sample(told[arm.name], usual, random) * arm.weight for arm in arms]
    return arms[max(range(len(arms)), key=rates.__getitem__)]


class Refusals:
    """How many ideas were refused since the last trial: by the ledger, and in this process."""

    def __init__(self) -> None:
        self._after = self._count = 0

    def add(self) -> None:
        """One more."""
        self._count += 1

    def since(self, history: History) -> int:
        """So many; a new trial begins at none."""
        now = len(history.trials)
        if self._after != now:
            self._after, self._count = now, 0
        return max(self._count, sum(each.after == now for each in history.refusals))


def turn(history: History, refused: int, seed: int) -> Random:
    """The source of chance for the next idea: the same after a restart."""
    return Random(f"{seed}:{len(history.trials)}:{refused}")


def _floor(arm: Arm, arms: Sequence[Arm]) -> float:
    """Its floor; where all floors together would be more than all, its part of them."""
    return arm.floor / max(1.0, sum(each.floor for each in arms))


def _usual_rate(told: Sequence[Tally]) -> float:
    """Keeps a run, all arms together, as if one more keep had been on the way."""
    keeps, cost = sum(each.keeps for each in told), sum(each.cost for each in told)
    return (keeps + 1) / (cost + _RUNS)


def _sample(tally: Tally, usual: float, random: Random) -> float:
    return random.gammavariate(1 + tally.keeps, 1 / (1 / usual + tally.cost))
