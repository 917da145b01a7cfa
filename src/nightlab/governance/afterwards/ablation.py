"""Which of the kept changes matter, and what is left when the others are taken back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from nightlab.governance.afterwards.effect import Bounds, Effects
from nightlab.governance.afterwards.elimination import Elimination, Row, Say
from nightlab.governance.afterwards.fresh import Fresh, measure_fresh
from nightlab.governance.afterwards.sample import Configuration, Sample
from nightlab.governance.afterwards.units import Conditions
from nightlab.program.policy import Policy
from nightlab.types import NightlabError

MOST_RUNS = 1_500
"""An ablation makes no more runs than this, those on the last seeds aside."""


class Taken(str, Enum):
    """Which configuration came out of it."""

    REDUCED = "reduced"
    FULL = "full"
    BASELINE = "baseline"


@dataclass(frozen=True)
class Ablation:
    """What is left of the best once only those levers stay that matter.

    `configuration` is what to use: it breaks no rule of the policy on any of the fresh seeds, and
    `last` speaks for an improvement; else it is the baseline, and `breaks` says whether the best
    broke a rule. `kept` are its levers. `fresh` compares it with the baseline on `last`
    seeds that nothing here was decided on; where the baseline was taken, the best of the search.
    `reduced` compares what is left with that best. `seeds` are those of the decisions, `runs` all
    that were made.
    """

    configuration: Configuration
    taken: Taken
    kept: tuple[str, ...]
    why: str
    rows: tuple[Row, ...]
    fresh: Fresh
    reduced: Fresh | None
    seeds: tuple[int, ...]
    last: tuple[int, ...]
    runs: int
    breaks: bool = False


def ablate(
    sample: Sample,
    baseline: Configuration,
    best: Configuration,
    moved: Sequence[str],
    policy: Policy,
    seeds: Sequence[int],
    last: Sequence[int],
    *,
    under: Conditions | None = None,
    say: Say = lambda line: None,
    most_runs: int = MOST_RUNS,
    until: float = math.inf,
) -> Ablation:
    """Take back whatever doesn't matter, by backward elimination on `seeds`.

    The weakest is taken back first, and the rest measured again: a unit whose effect doesn't stand
    out of the noise, as long as no rule breaks by it, and all that was taken back is no certain
    loss, or large part of the gain, together. Then what is left meets the best and the baseline on
    the `last` seeds, and is not taken where it is worse beyond the noise. `moved` are the levers in
    which the best differs, by dotted path, and `under` the toggles above them. It looks at no
    further one beyond `most_runs`, or `until` on the monotonic clock. Raises NightlabError for
    seeds of both kinds.
    """
    if set(seeds) & set(last):
        raise NightlabError("an ablation wants last seeds that no decision of it has used")
    effects = Effects(sample, baseline, best, moved, policy, seeds, Bounds(most_runs, until))
    elimination = Elimination(effects, under or {}, say)
    elimination.run()
    return _Settling(elimination, last).settled()


class _Settling:
    """What is left meets the best and the baseline, on seeds that it owes nothing to."""

    def __init__(self, elimination: Elimination, last: Sequence[int]) -> None:
        self.elimination = elimination
        self.effects = elimination.effects
        self.last = last
        self.left = self.effects.left(elimination.kept)
        self.breaks = False

    def settled(self) -> Ablation:
        kept, moved = tuple(self.elimination.kept), self.effects.moved
        everything = [self.effects.baseline, self.effects.best, self.left]
        self.effects.sample.measure(everything, self.last)
        full = self._fresh(self.effects.best, self.effects.baseline)
        self.breaks = bool(full.broken or self.effects.broken(moved))
        refused = next(self._against(moved, full), "")
        whole = (Taken.BASELINE, ()) if refused else (Taken.FULL, moved)
        if kept == moved:
            seen = all(row.effect is not None for row in self.elimination.table())
            why = "every change matters" if seen else "not every change was looked at"
            return self._taken(*whole, refused or why, full, None)
        reduced = self._fresh(self.left, self.effects.best)
        if not refused and _is_worse(reduced):
            why = "without what was taken back it is worse on fresh seeds"
            return self._taken(*whole, why, full, reduced)
        if not kept:
            why = refused or "none of the changes matters"
            return self._taken(Taken.BASELINE, (), why, full, reduced)
        fresh = self._fresh(self.left, self.effects.baseline)
        if against := next(self._against(kept, fresh), ""):
            why = refused or f"without what was taken back {against}"
            return self._taken(*whole, why, full, reduced)
        why = "what was taken back made no difference that shows"
        return self._taken(Taken.REDUCED, kept, refused or why, fresh, reduced)

    def _against(self, kept: Sequence[str], fresh: Fresh) -> Iterator[str]:
        """What speaks against the best with these levers, on any fresh seeds."""
        yield from (f"on fresh seeds {each}" for each in fresh.broken)
        yield from (f"on fresh seeds {each}" for each in self.effects.broken(kept))
        if fresh.gain is None or fresh.low is None or fresh.gain <= 0:
            yield f"on fresh seeds {fresh.metric} is no better than the baseline's"
        elif not fresh.improved:
            yield (
                f"on fresh seeds {fresh.metric} is better by {fresh.gain:.4g}, and may as well be"
                f" no better ({fresh.low:.4g} to {fresh.high:.4g} with 95% certainty)"
            )

    def _fresh(self, ours: Configuration, theirs: Configuration) -> Fresh:
        return measure_fresh(self.effects.sample, ours, theirs, self.last, self.effects.policy)

    def _taken(
        self, taken: Taken, kept: tuple[str, ...], why: str, fresh: Fresh, reduced: Fresh | None
    ) -> Ablation:
        return Ablation(
            configuration=self.effects.left(kept),
            taken=taken,
            kept=kept,
            why=why,
            rows=self.elimination.table(),
            fresh=fresh,
            reduced=reduced,
            seeds=self.effects.seeds,
            last=tuple(self.last),
            runs=self.effects.sample.runs,
            breaks=self.breaks,
        )


def _is_worse(fresh: Fresh) -> bool:
    """Whether it is worse by its plain interval, or could not be compared."""
    found = fresh.primary
    if found is None:
        return True
    return (found.high if fresh.direction.sign > 0 else -found.low) < 0
