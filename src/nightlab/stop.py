"""When a session ends: trials, runs, a time of day, a plateau, or a request from outside."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import Field, field_validator

from nightlab.campaign import Campaign
from nightlab.program.quantity import Count
from nightlab.program.settings import Section
from nightlab.types import NightlabError

_LEFT = 5
"""One in so many runs may be kept for the report."""

_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")


class StopSettings(Section):
    """When a session ends: at whichever comes first. Without any of it, when you stop it."""

    trials: int | None = Field(default=None, ge=0)
    """After so many trials of the campaign in all; the baseline is none of them."""

    at: str | None = None
    """At this time of day, in quotes: `"05:00"`. Nothing is begun that would not end in time."""

    runs: int | None = Field(default=None, ge=1)
    """After so many runs of the campaign in all, those before the report among them."""

    plateau: int | None = Field(default=None, ge=1)
    """After so many trials of the session in a row without a keep."""

    cost: str | None = None
    """Once models and agents have cost this, as `20 USD`, over the campaign. It is looked at before
    each call; a call that was begun is paid.
    """

    tokens: Count | None = None
    """Once models and agents have read and written so many tokens, as `5M`, over the campaign."""

    @field_validator("at")
    @classmethod
    def _a_time_of_day(cls, at: str | None) -> str | None:
        if at is not None and not _TIME.fullmatch(at):
            raise ValueError(f'{at!r} is not a time of day; write it in quotes, as in "05:00"')
        return at

    @field_validator("cost")
    @classmethod
    def _a_price(cls, cost: str | None) -> str | None:
        number, _, unit = (cost or "").partition(" ")
        if cost is not None and (unit != "USD" or not number.replace(".", "", 1).isdigit()):
            raise ValueError(f"{cost!r} must read as in 20 USD")
        return cost

    @property
    def usd(self) -> float | None:
        """`cost` as a number."""
        return float(self.cost.split()[0]) if self.cost else None


class Stop:
    """When a session ends: trials, a time of day, a plateau, or a request from outside."""

    def __init__(
        self,
        settings: StopSettings,
        more: int | None = None,
        until: str | None = None,
        clock: Callable[[], float] = time.time,
        more_runs: int | None = None,
        confirms: bool = True,
    ) -> None:
        """`more` trials from here on override `trials`, `more_runs` override `runs`, and `until`
        (HH:MM) overrides `at`. Without `confirms` it ends with no runs for the report.
        """
        self.confirms = confirms
        self.settings = settings
        self.more = more
        self.clock = clock
        self.requested = ""
        at = until or settings.at
        if at is not None and not _TIME.fullmatch(at):
            raise NightlabError(f"{at!r} is not a time of day; write it as 05:00")
        self.deadline = next_time(at, clock()) if at else None
        self.limit: int | None = settings.trials
        self.more_runs = more_runs
        self.run_limit: int | None = settings.runs
        self._settled_before = 0
        self._began = clock()
        self._runs_before = 0

    def begin(self, campaign: Campaign) -> None:
        """Count from where the campaign stands; a trial left open comes on top of `more`."""
        self._began = self.clock()
        self._runs_before = campaign.state.runs_here
        self._settled_before = campaign.state.settled
        if self.more is not None:
            self.limit = len(campaign.state.trials) + self.more
        if self.more_runs is not None:
            self.run_limit = campaign.state.runs_here + self.more_runs

    def settled(self, campaign: Campaign) -> int:
        """How many trials were settled since `begin`."""
        return campaign.state.settled - self._settled_before

    def request(self, why: str) -> None:
        """Ask the session to end at once, cleanly."""
        self.requested = why

    def may_open(self, campaign: Campaign) -> bool:
        """Whether another trial may be begun."""
        return not self.requested and not self._reached(campaign, len(campaign.state.trials))

    def at_once(self) -> str:
        """Why runs in flight must be stopped now, "" where they need not."""
        if self.deadline is not None and self.clock() >= self.deadline:
            return "the deadline has come"
        return self.requested

    def reached(self, campaign: Campaign) -> str:
        """Why no new trial is begun, "" where one may be."""
        return self._reached(campaign, campaign.state.settled) or campaign.exhausted

    def _reached(self, campaign: Campaign, trials: int) -> str:
        record = campaign.state
        if self.limit is not None and trials >= self.limit:
            count = "1 trial is" if trials == 1 else f"{trials} trials are"
            return f"{count} done" if trials else "the baseline is measured"
        since = min(record.since_keep, self.settled(campaign))
        if broke := self.broke(campaign):
            return broke
        if self.settings.plateau is not None and since >= self.settings.plateau:
            return f"plateau: {since} trials without a keep"
        return ""

    def broke(self, campaign: Campaign) -> str:
        """Why no model may be asked any more, "" where one may be."""
        spent, most, tokens = campaign.state.spent, self.settings.usd, self.settings.tokens
        if most is not None and spent.calls and spent.likely_usd is None:
            return (
                "stop.cost is set, and the price is not known: write propose.price or stop.tokens"
            )
        if most is not None and (spent.likely_usd or 0.0) >= most:
            return f"{_usd(spent.likely_usd or 0.0)} of {_usd(most)} USD are spent"
        if tokens is not None and spent.tokens >= tokens:
            return f"{spent.tokens:,} of {tokens:,} tokens are used"
        return ""

    def too_late(self, campaign: Campaign, reserved: int = 0) -> str:
        """Why no further run is begun, going by how long a run takes here; "" where one may be.

        `reserved` runs are to be made after it: time is kept for them.
        """
        needed = (1 + reserved) * _typical_seconds(campaign)
        if self.deadline is not None and self.clock() + needed > self.deadline:
            return "the next run would not end before the deadline"
        return ""

    @property
    def is_bounded(self) -> bool:
        """Whether runs or time may run out, so that some are to be kept for the report."""
        return self.run_limit is not None or self.deadline is not None

    def for_report(self, campaign: Campaign, wanted: int) -> int:
        """How many of the runs that the report wants are kept for it.

        A fifth of the session's at most.
        """
        most = [wanted]
        if self.run_limit is not None:
            most.append((self.run_limit - self._runs_before) // _LEFT)
        if self.deadline is not None and (typical := _typical_seconds(campaign)):
            most.append(int((self.deadline - self._began) / typical) // _LEFT)
        return max(0, min(most))

    def room(self, campaign: Campaign, reserved: int = 0) -> int:
        """How many runs may still be begun, if so many are kept for later."""
        limit = sys.maxsize if self.run_limit is None else self.run_limit
        return limit - campaign.state.runs_here - reserved


def _usd(amount: float) -> str:
    """Two digits after the point, or where those say little the first two that do."""
    return f"{amount:.2f}" if amount >= 0.1 or amount == 0 else f"{amount:.2g}"


def _typical_seconds(campaign: Campaign) -> float:
    """How long a run takes here."""
    record = campaign.state
    return record.run_seconds / max(1, record.runs)


def next_time(at: str, now: float) -> float:
    """The next moment at which local clocks show `at` (HH:MM), in seconds since 1970."""
    hour, minute = (int(part) for part in at.split(":"))
    today = datetime.fromtimestamp(now)
    moment = today.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if moment.timestamp() <= now:
        moment += timedelta(days=1)
    return moment.timestamp()
