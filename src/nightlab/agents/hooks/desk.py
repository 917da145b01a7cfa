"""What every hook works with: the study it is called in, what it remembers, and the moment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nightlab.agents.hooks.guard import Guard
from nightlab.agents.hooks.memory import Memories
from nightlab.agents.hooks.outline import Outline, outline_of
from nightlab.agents.hooks.payload import Agent, Payload
from nightlab.agents.hooks.place import Place

if TYPE_CHECKING:
    from nightlab.campaign import Campaign
    from nightlab.study import Study


@dataclass
class Desk:
    """One call of a hook. The study itself is opened only where it is needed: it takes a while."""

    place: Place
    agent: Agent
    now: float

    @cached_property
    def outline(self) -> Outline:
        """What is kept at hand of the study."""
        return outline_of(self.place)

    @property
    def memories(self) -> Memories:
        """What hooks remember."""
        return Memories(self.place.home)

    @cached_property
    def study(self) -> Study:
        """The study. Raises NightlabError where program.md is broken."""
        from nightlab.study import open_study

        return open_study(self.place.study)

    @property
    def has_ledger(self) -> bool:
        """Whether any campaign was begun here."""
        return (self.place.home / "ledger.db").is_file()

    def guard(self, payload: Payload) -> Guard:
        """What may not be written, from the folder that the tool is called in."""
        cwd = Path(payload.cwd) if payload.cwd else self.place.study
        return Guard(self.place, self.outline, cwd.resolve(), self.campaigns)

    def campaigns(self) -> list[str]:
        """The tags of all campaigns, the last one worked on at the end."""
        if not self.has_ledger:
            return []
        from nightlab.remember.ledger import Ledger

        ledger = Ledger(self.place.home / "ledger.db")
        try:
            return ledger.campaigns()
        finally:
            ledger.close()

    def campaign(self) -> Campaign | None:
        """The campaign that the checkout's branch is of, else the last one; None for none."""
        tags = self.campaigns()
        if not tags:
            return None
        name = self.place.branch.removeprefix(f"{self.outline.branch}/")
        own = next((tag for tag in tags if name in (tag, f"{tag}-desk")), tags[-1])
        return self.study.campaign(own)
