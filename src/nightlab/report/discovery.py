"""A campaign for the files of `remember.discovery`."""

from __future__ import annotations

from nightlab.campaign import Campaign
from nightlab.remember.discovery import Autonomy, View
from nightlab.remember.memory import recall
from nightlab.study import Study

FOLDER = "results/discovery"
"""Where they lie in a study that does not say."""


def view_of(study: Study, campaign: Campaign, autonomy: Autonomy | None = None) -> View:
    """What the files are made of, as it is now."""
    sources = study.rooms.recall(campaign.ledger, campaign.tag).sources()
    history = campaign.history
    return View(
        tag=campaign.tag,
        branch=campaign.branch,
        history=history,
        memory=recall(history, sources),
        sources=sources,
        autonomy=autonomy or Autonomy(),
        results_exist=(study.folder / study.settings.remember.results).is_file(),
    )
