"""A review for people and for scripts: what `nightlab show` says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nightlab.campaign import Campaign
from nightlab.remember.memory.review import review
from nightlab.remember.memory.review_lines import score_line
from nightlab.study import Study
from nightlab.types import Review, Trial

_TAUGHT = "Updated conjecture: "


def review_of(study: Study, campaign: Campaign, trial: Trial) -> Review | None:
    """The review of a settled trial; None for the baseline, and while a trial is open."""
    if trial.number == 0 or trial.verdict is None:
        return None
    sources = study.rooms.recall(campaign.ledger, campaign.tag).sources()
    return review(campaign.history, trial.number, sources)


def review_data(found: Review | None) -> dict[str, Any] | None:
    """A review as `show --json` has it. Gains are positive where it was better."""
    if found is None:
        return None
    told = asdict(found) | {
        "niche": str(found.niche),
        "recommendation": found.recommendation.value,
        "crash": found.crash or None,
        "lines": list(found.lines),
    }
    return {name: value for name, value in told.items() if name != "trial"}


def short_lines(found: Review | None) -> Sequence[str]:
    """The score and its parts, what to do with it, what it taught."""
    if found is None:
        return []
    taught = [line.removeprefix(_TAUGHT) for line in found.lines if line.startswith(_TAUGHT)]
    return [
        f"review: {found.recommendation.value}; {found.niche}",
        f"  score {score_line(found)}",
        *([f"  crash: «{found.crash}»"] if found.crash else []),
        *(f"  {line}" for line in taught),
    ]
