"""Several proposers that share the trials of a campaign."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nightlab.propose import NothingToPropose, Proposer
from nightlab.propose.bandit import Arm, Refusals, choose, tallies, turn
from nightlab.propose.settings import ProposeSettings
from nightlab.types import EmitterRecord, History, Idea, NightlabError, Trial


class SharingProposer:
    """A bandit chooses whose turn it is, by keeps that stand for what they cost.

    Each gets its `floor` at least. A refusal passes the turn on, and so does one that has nothing
    to propose.
    """

    def __init__(
        self,
        parts: Sequence[Proposer],
        settings: Sequence[ProposeSettings],
        before: Callable[[], Mapping[str, EmitterRecord]] = dict,
    ) -> None:
        """`before` is how each emitter fared in earlier campaigns."""
        self.before = before
        self.parts = tuple(parts)
        self.settings = tuple(settings)
        self.arms = [
            Arm(str(number), _signs(part, each), each.floor)
            for number, (part, each) in enumerate(zip(parts, settings, strict=True))
        ]
        _check_apart(self.arms)
        self.last = self.parts[0]
        self._refusals = Refusals()

    def propose(self, history: History) -> Idea:
        why = ""
        for part, settings in self._drawn(history):
            self.last = part
            try:
                return _signed(part.propose(history), part, settings)
            except NothingToPropose as nothing:
                why = str(nothing)
        raise NothingToPropose(why)

    def refused(self, idea: Idea, reason: str) -> None:
        self._refusals.add()
        self.last.refused(idea, reason)

    def draft(self, history: History, wish: str) -> Idea:
        """The first of them that writes code does it. Raises NothingToPropose."""
        self.last, idea = self._asked(self.parts, "draft", history, wish)
        return idea

    def fix(self, history: History, trial: Trial, trace: str) -> Idea:
        """Whoever wrote it mends it. Raises NothingToPropose."""
        own = [
            part
            for part, arm in zip(self.parts, self.arms, strict=True)
            if trial.emitter in arm.emitters
        ]
        return self._asked(own, "fix", history, trial, trace)[1]

    def _asked(self, parts: Sequence[Proposer], what: str, *told: Any) -> tuple[Proposer, Idea]:
        for part in parts:
            if hasattr(part, what):
                try:
                    return part, getattr(part, what)(*told)
                except NothingToPropose:
                    continue
        raise NothingToPropose("nobody here writes code")

    def _drawn(self, history: History) -> Iterator[tuple[Proposer, ProposeSettings]]:
        """The proposers in the order in which the bandit would have them."""
        first = self.settings[0]
        random = turn(history, self._refusals.since(history), first.seed)
        told = tallies(self.arms, history, first.decay, self.before())
        left = list(self.arms)
        while left:
            arm = choose(left, told, random)
            left.remove(arm)
            at = int(arm.name)
            yield self.parts[at], self.settings[at]


def _check_apart(arms: Sequence[Arm]) -> None:
    """Raise NightlabError where the ideas of two could not be told apart."""
    taken: set[str] = set()
    for arm in arms:
        both = sorted(arm.emitters & taken)
        if both:
            raise NightlabError(f"propose.name: two of the list sign with {both[0]!r}; rename one")
        taken |= arm.emitters


def _signs(part: Proposer, settings: ProposeSettings) -> frozenset[str]:
    """What the ideas of a proposer are signed with in a list."""
    many = getattr(part, "emitters", None)
    return frozenset(many) if many else frozenset((_name(part, settings),))


def _name(part: Proposer, settings: ProposeSettings) -> str:
    return settings.name or getattr(part, "emitter", "") or settings.with_


def _signed(idea: Idea, part: Proposer, settings: ProposeSettings) -> Idea:
    """Signed so that its trial is known for this proposer's, whatever class it is of."""
    many = getattr(part, "emitters", None)
    return idea if many else replace(idea, emitter=_name(part, settings))
