"""Earlier campaigns of a study, read from the ledger once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from nightlab.program.space import Space
from nightlab.remember.events import CampaignBegan, ClaimDropped, ClaimMade
from nightlab.remember.ledger import STUDY, Ledger
from nightlab.remember.memory import Past, Sources, recall
from nightlab.remember.memory.emitters import emitter_records
from nightlab.remember.record import Record
from nightlab.types import EmitterRecord, History, Memory


class Recall:
    """The memory of a study: `recall(history)` of the campaign `tag`, with those before it."""

    def __init__(
        self,
        ledger: Ledger,
        space: Space,
        kinds: Mapping[str, str],
        patience: int,
        tag: str = "",
        topics: frozenset[str] = frozenset(),
        alike: Callable[[str, str], bool] = lambda one, other: True,
        fixed: frozenset[str] = frozenset(),
    ) -> None:
        """`alike` says whether two commits measure in the same way: whether their harness does.

        `fixed` are names of the space that never move.
        """
        self.ledger = ledger
        self.space = space
        self.kinds = kinds
        self.patience = patience
        self.tag = tag
        self.topics = topics
        self.alike = alike
        self.fixed = fixed

    def __call__(self, history: History) -> Memory:
        return recall(history, self.sources())

    @cached_property
    def before(self) -> dict[str, EmitterRecord]:
        """How each style of proposing fared in earlier campaigns."""
        return emitter_records(*(past.history for past in self.past))

    def sources(self) -> Sources:
        """What memory rests on besides the campaign."""
        known = (self.topics, self.past, self.claims(), self.patience)
        return Sources(self.space, self.kinds, *known, self.fixed)

    def claims(self) -> tuple[tuple[str, str], ...]:
        """What humans hold to be so, in the order in which they said it."""
        found: dict[tuple[str, str], None] = {}
        for entry in self.ledger.read(STUDY):
            if isinstance(entry.event, ClaimMade):
                found[entry.event.claim, entry.event.source] = None
            elif isinstance(entry.event, ClaimDropped):
                found = {key: None for key in found if key[0] != entry.event.claim}
        return tuple(found)

    @cached_property
    def past(self) -> tuple[Past, ...]:
        """Campaigns that began before this one and measured the same thing in the same way."""
        tags = self.ledger.campaigns_as_begun()
        here = self._began(self.tag)
        earlier = tags[: tags.index(self.tag)] if self.tag in tags else tags
        found = []
        for tag in earlier:
            record = Record()
            record.read(self.ledger.read(tag))
            began = record.began
            if began and (here is None or self._is_like(began, here)):
                found.append(Past(tag, record.history()))
        return tuple(found)

    def _is_like(self, one: CampaignBegan, other: CampaignBegan) -> bool:
        return is_like(one, other) and self.alike(one.base, other.base)

    def _began(self, tag: str) -> CampaignBegan | None:
        event = next((e.event for e in self.ledger.read(tag)), None) if tag else None
        return event if isinstance(event, CampaignBegan) else None


def is_like(one: CampaignBegan, other: CampaignBegan) -> bool:
    """Whether what the one has learned holds for the other: one metric, budget and data."""
    names = ("metric", "direction", "budget", "inputs")
    run, other_run = one.settings.get("run", {}), other.settings.get("run", {})
    return all(getattr(one, name) == getattr(other, name) for name in names) and all(
        run.get(name) == other_run.get(name) for name in ("train", "serve", "evaluate", "call")
    )
