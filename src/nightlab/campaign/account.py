"""What a campaign may still spend on models, and what it has spent."""

from __future__ import annotations

from collections.abc import Callable

from nightlab.campaign import Campaign
from nightlab.types import Usage


class Account:
    """The purse of a session: a proposer has it before the campaign is opened.

    As it is asked before each call, it writes down that one begins.
    """

    def __init__(self) -> None:
        self._campaign: Campaign | None = None
        self._limit: Callable[[], str] = lambda: ""

    def open(self, campaign: Campaign, limit: Callable[[], str]) -> None:
        """From here on the campaign pays, until `limit` says why not."""
        self._campaign, self._limit = campaign, limit

    def empty(self) -> str:
        why = self._limit()
        if self._campaign is not None and not why:
            self._campaign.begin_call()
        return why

    def pay(self, emitter: str, usage: Usage) -> None:
        if self._campaign is not None:
            self._campaign.pay(emitter, usage)
