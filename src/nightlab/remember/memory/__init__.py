"""What the ledger teaches: elites, near misses, dead ends, effects, conjectures, phases, reviews.

All of it is computed from settled trials, of this campaign and of earlier ones like it, whenever it
is asked for; nothing is stored that could be out of step with the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from nightlab.program.space import Space
from nightlab.types import History, Memory


@dataclass(frozen=True)
class Past:
    """An earlier campaign of the study that measured the same thing in the same way."""

    tag: str
    history: History


@dataclass(frozen=True)
class Sources:
    """What memory rests on besides the campaign that goes on.

    `kinds` says what each parameter is about, `topics` what else changes can be about. `claims` are
    sentences that humans hold to be so, and who said it. After `patience` trials without a keep
    another direction is called for. Of the space, `fixed` never moves: no way is left along it.
    """

    space: Space = field(default_factory=lambda: Space({}))
    kinds: Mapping[str, str] = field(default_factory=dict)
    topics: frozenset[str] = frozenset()
    past: Sequence[Past] = ()
    claims: Sequence[tuple[str, str]] = ()
    patience: int = 4
    fixed: frozenset[str] = frozenset()

    @property
    def free(self) -> Space:
        """The part of the space that may move."""
        return self.space.only("all", tuple(self.fixed))


def recall(history: History, sources: Sources | None = None) -> Memory:
    """What is known at this instant. The same history and sources give the same memory."""
    from nightlab.remember.memory.archive import ahead_of, dead_ends, elites, near_misses
    from nightlab.remember.memory.conjectures import conjectures
    from nightlab.remember.memory.crashes import crashes
    from nightlab.remember.memory.effects import learn
    from nightlab.remember.memory.emitters import emitter_records
    from nightlab.remember.memory.hopes import hopes
    from nightlab.remember.memory.lessons import lessons_of
    from nightlab.remember.memory.stall import phase, stall

    sources = sources or Sources()
    own = lessons_of(history)
    lessons = [each for past in sources.past for each in lessons_of(past.history, past.tag)] + own
    ahead = {past.tag: ahead_of(past.history, history) for past in sources.past}
    near = near_misses(lessons, history)
    learned = learn(lessons, history, sources)
    stalled = stall(history, lessons, sources, partial(hopes, learned, sources.free))
    return Memory(
        phase=phase(history, near, sources.patience),
        stall=stalled,
        lessons=lessons,
        elites=elites(lessons, ahead),
        near_misses=near,
        dead_ends=dead_ends(lessons),
        crashes=crashes(lessons),
        effects=learned.effects,
        conjectures=conjectures(learned, stalled, history, sources),
        emitters=emitter_records(*(past.history for past in sources.past), history),
    )


__all__ = ["Past", "Sources", "recall"]
