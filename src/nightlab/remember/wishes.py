"""The queue of ideas: what humans want tried, first in line, in every campaign of the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlab.remember.events import IdeaDropped, IdeaQueued, IdeaTaken
from nightlab.remember.ledger import STUDY, Entry, Ledger
from nightlab.types import NightlabError, Wish


@dataclass(frozen=True)
class Fate:
    """What became of a queued idea: trial `trial` of campaign `campaign`, or nothing, and `why`.

    All empty where it still waits.
    """

    campaign: str = ""
    trial: int = 0
    why: str = ""

    @property
    def waits(self) -> bool:
        """Whether it is still to be tried."""
        return not (self.trial or self.why)


class Wishes:
    """The ideas of a study. Any process may add one; a session takes them up between trials."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._queued: list[Entry] = []
        self._fates: dict[int, Fate] = {}
        self._seen = 0

    def add(self, wish: Wish) -> int:
        """Queue an idea. Returns its number; the one it has is not looked at."""
        event = IdeaQueued(
            text=wish.text,
            hypothesis=wish.hypothesis,
            emitter=wish.emitter,
            parameters=dict(wish.parameters),
            hold=list(wish.hold),
            edits={path: list(texts) for path, texts in wish.edits.items()},
        )
        (entry,) = self.ledger.append(STUDY, [event])
        self._refresh()
        return [queued.id for queued in self._queued].index(entry.id) + 1

    def drop(self, number: int, why: str) -> None:
        """Take an idea out of the queue. Raises NightlabError where it isn't in it."""
        fate = self.fates().get(number)
        if fate is None:
            raise NightlabError(f"there is no idea {number}; `nightlab idea --list` shows them")
        if fate.trial:
            raise NightlabError(f"idea {number} was tried: trial {fate.trial} of {fate.campaign}")
        if fate.why:
            raise NightlabError(f"idea {number} is out of the queue already: {fate.why}")
        self.ledger.append(STUDY, [IdeaDropped(number, why)])

    def pending(self) -> Sequence[Wish]:
        """What is still to be tried, the oldest first."""
        fates = self.fates()
        return [_wish(n, self._queued[n - 1]) for n, fate in fates.items() if fate.waits]

    def all(self) -> Sequence[Wish]:
        """Every idea that was ever queued, the oldest first."""
        self._refresh()
        return [_wish(number, entry) for number, entry in enumerate(self._queued, 1)]

    def fates(self) -> Mapping[int, Fate]:
        """What became of each, by number."""
        self._refresh()
        return self._fates

    def _refresh(self) -> None:
        """Take in what any process has written since the last look."""
        for tag, entry in self.ledger.of_kinds(_KINDS, self._seen):
            event, self._seen = entry.event, entry.id
            if isinstance(event, IdeaQueued):
                self._queued.append(entry)
                self._fates[len(self._queued)] = Fate()
            elif isinstance(event, IdeaTaken):
                self._fates[event.idea] = Fate(tag, event.trial)
            elif isinstance(event, IdeaDropped):
                self._fates[event.idea] = Fate(why=event.why)


_KINDS = (IdeaQueued.kind, IdeaTaken.kind, IdeaDropped.kind)


def _wish(number: int, entry: Entry) -> Wish:
    event = entry.event
    assert isinstance(event, IdeaQueued)
    return Wish(
        number=number,
        text=event.text,
        hypothesis=event.hypothesis,
        emitter=event.emitter,
        parameters=event.parameters,
        hold=tuple(event.hold),
        edits={path: (old, new) for path, (old, new) in event.edits.items()},
        at=entry.at,
    )
