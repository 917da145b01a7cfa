"""Backward elimination: the weakest lever goes, and the rest is measured again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nightlab.governance.afterwards.effect import Effect, Effects, OutOfBounds
from nightlab.governance.afterwards.units import (
    Conditions,
    Unit,
    inner_units,
    value_of,
    whole_units,
)
from nightlab.judge.confirm import TAIL
from nightlab.types import Value

Say: TypeAlias = "Callable[[str], None]"
_UnitsOf: TypeAlias = "Callable[[Sequence[str], Conditions], list[Unit]]"


@dataclass(frozen=True)
class Row:
    """What one lever is worth: how much worse the primary metric becomes without it.

    `effect` is positive where it helps, `low` to `high` its 95 % interval; all are None where it
    was not measured. One that was taken back has those of the step at which it was, among what was
    there then. `unit` are the levers that were taken back with it.
    """

    lever: str
    before: Value | None
    after: Value | None
    effect: float | None
    low: float | None
    high: float | None
    kept: bool
    why: str
    unit: tuple[str, ...] = ()


_SHARE = 0.25
"""Of a certain gain, no more than this may seem to go with all that is taken back."""


class Elimination:
    """Backward elimination; `kept` are the levers that are still there.

    `whole` are those that a loss is measured from: all, or what was left once fewer rules broke.
    """

    def __init__(self, effects: Effects, under: Conditions, say: Say) -> None:
        self.effects = effects
        self.under = under
        self.say = say
        self.kept = list(effects.moved)
        self.whole = list(self.kept)
        self.rows: dict[str, Row] = {}

    def run(self) -> None:
        """Take back one unit after another, whole ones first, until all that is left matters."""
        try:
            while self._step(whole_units) or self._step(inner_units):
                pass
            left = self._present(inner_units) + self._present(whole_units)
            sure = surely_helping(left, self._looked_at())
            for effect in left:
                self._tell(effect, effect.unit.head, _why_kept(effect, effect in sure), kept=True)
        except OutOfBounds as error:
            for lever in self.kept:
                self._tell(None, lever, f"not looked at: {error}", kept=True)

    def _looked_at(self) -> int:
        """How many units there were at the beginning."""
        levers = self.effects.moved
        return len(whole_units(levers, self.under)) + len(inner_units(levers, self.under))

    def table(self) -> tuple[Row, ...]:
        """A row for each lever that moved, in their order."""
        return tuple(self.rows[lever] for lever in self.effects.moved)

    def _present(self, units_of: _UnitsOf) -> list[Effect]:
        return self.effects.of(units_of(self.kept, self.under), self.kept)

    def _step(self, units_of: _UnitsOf) -> bool:
        """Take back the weakest unit, or all without any effect. False where none can be."""
        effects = self._present(units_of)
        broken = len(self.effects.broken(self.kept))
        nothing = [each for each in effects if each.is_nothing]
        if len(nothing) > 1 and self._are_nothing_together(nothing):
            for each in nothing:
                self._take_back(each, "no effect on any seed")
            return True
        mends = [each for each in effects if len(each.broken) < broken and not each.failed]
        lost = [each for each in effects if each not in mends and self._is_lost(each, broken)]
        for each in (*sorted(mends, key=_by_rank), *sorted(lost, key=_by_rank)):
            if each in mends or not self._is_too_much(self._without(each)):
                self._take_back(each, "without it fewer rules break" if each in mends else "")
                if each in mends:  # whatever that cost had to be
                    self.whole = list(self.kept)
                return True
        return False

    def _is_lost(self, effect: Effect, broken: int) -> bool:
        """Whether it doesn't stand out, and nothing more breaks without it."""
        return not (effect.stands_out or effect.failed or len(effect.broken) > broken)

    def _is_too_much(self, kept: Sequence[str]) -> bool:
        """Whether all that is gone then is a certain loss, or seems a large part of the gain.

        Many small effects hide in the noise one by one, and are the whole gain together.
        """
        gain = self.effects.lost(self.whole, ())
        lost = self.effects.lost(self.whole, kept)
        return lost.stands_out or (gain.stands_out and lost.size > _SHARE * gain.size)

    def _are_nothing_together(self, nothing: Sequence[Effect]) -> bool:
        """One of them may stand in for another."""
        levers = tuple(lever for each in nothing for lever in each.unit.levers)
        (found,) = self.effects.of([Unit(levers[0], levers)], self.kept)
        return found.is_nothing

    def _without(self, effect: Effect) -> list[str]:
        return [lever for lever in self.kept if lever not in effect.unit.levers]

    def _take_back(self, effect: Effect, why: str) -> None:
        why = why or _why_lost(effect)
        for lever in effect.unit.levers:
            self._tell(effect, lever, why, kept=False)
        self.kept = self._without(effect)
        self.say(f"taken back: {effect.unit} ({why})")

    def _tell(self, effect: Effect | None, lever: str, why: str, kept: bool) -> None:
        measured = effect if effect and effect.error < math.inf else None
        self.rows[lever] = Row(
            lever,
            before=value_of(self.effects.baseline, lever),
            after=value_of(self.effects.best, lever),
            effect=measured.size if measured else None,
            low=measured.low if measured else None,
            high=measured.high if measured else None,
            kept=kept,
            why=why,
            unit=tuple(each for each in effect.unit.levers if each != lever) if effect else (),
        )


def surely_helping(effects: Sequence[Effect], looked_at: int) -> list[Effect]:
    """Those that help, and that luck in so many units hardly explains.

    Where some do nothing, one of those is among these in one case of forty at most, however many
    they are. Source: Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    found: list[Effect] = []
    for effect in sorted(effects, key=lambda effect: effect.luck):
        if not effect.stands_out or effect.luck * (looked_at - len(found)) > TAIL:
            break
        found.append(effect)
    return found


def _by_rank(effect: Effect) -> tuple[float, float]:
    return effect.rank


def _why_lost(effect: Effect) -> str:
    if effect.size == effect.error == 0:
        return "no effect on any seed"
    return "better without it" if effect.high < 0 else "its effect is lost in the noise"


def _why_kept(effect: Effect, surely: bool) -> str:
    if surely:
        return "its effect stands out"
    if effect.broken:
        return f"without it {effect.broken[0]}"
    if effect.stands_out:
        return "its effect stands out by itself, and among so many one may by luck"
    return "not certain, but much of the gain may go with it"
