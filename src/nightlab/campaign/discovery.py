"""The folder that `remember.discovery` names, kept current while a campaign is worked on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from nightlab.campaign import Campaign
from nightlab.remember.discovery import Autonomy, View, write_discovery
from nightlab.remember.memory import recall
from nightlab.remember.memory.past import Recall
from nightlab.types import NightlabError


class DiscoveryFolder:
    """state.json, events.jsonl, current_plan.json and last_review.md of a campaign.

    `autonomy` says whether agents go on by themselves; without it, what the files say of that
    stands.
    """

    def __init__(
        self,
        folder: Path,
        campaign: Campaign,
        remembered: Recall,
        autonomy: Callable[[], Autonomy] | None = None,
    ) -> None:
        self.folder = folder
        self.campaign = campaign
        self.recall = remembered
        self.autonomy = autonomy or (lambda: as_written(folder))

    def write(self, fresh: bool = False) -> None:
        """Bring the files up to date. Raises NightlabError where they can't be written."""
        name = f"discovery-{crc32(str(self.folder.resolve()).encode(errors='replace')):08x}.lock"
        write_discovery(self.folder, self.view(), fresh, self.campaign.place.home / name)

    def view(self) -> View:
        """What the files are made of, as it is now."""
        history, sources = self.campaign.history, self.recall.sources()
        return View(
            tag=self.campaign.tag,
            branch=self.campaign.branch,
            history=history,
            memory=recall(history, sources),
            sources=sources,
            autonomy=self.autonomy(),
            results_exist=self.campaign.place.results.is_file(),
        )

    def keep(self) -> str:
        """The same, but it tells why they could not be written: a view is no reason to stop."""
        try:
            self.write()
        except NightlabError as error:
            return str(error)
        return ""


def as_written(folder: Path) -> Autonomy:
    """What state.json says of autonomy; off where it says nothing."""
    try:
        told = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return Autonomy(told["autonomy_enabled"] is True, str(told["autonomy_reason"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Autonomy()
