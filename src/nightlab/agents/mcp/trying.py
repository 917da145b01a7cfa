"""A trial on behalf of an MCP client: in a thread of its own, with its progress on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, Field

from nightlab.campaign import Campaign
from nightlab.propose.model.answer import Block
from nightlab.propose.model.edits import BadEdit, apply_blocks
from nightlab.remember.events import Event, RunEnded, RunStarted, TrialSettled
from nightlab.stop import Stop
from nightlab.study import Study
from nightlab.tryout import carry_out, wish_of_checkout
from nightlab.types import NightlabError, Progress, Wish

Tell = Callable[[float, str], None]
"""Told how far a trial is: a number that only grows, and a line."""


class Edit(BaseModel):
    """Lines of a file to be replaced: in the best so far, or in a file that is not there yet."""

    path: str = Field(description="The file, relative to the study.")
    search: str = Field(description="Whole lines that are there once; empty makes a new file.")
    replace: str = Field(description="The lines that take their place.")


class Trying:
    """One trial. `cancel` ends it cleanly: what was begun is taken up by the next session."""

    def __init__(self, study: Study, tell: Tell) -> None:
        self.study = study
        self.tell = tell
        self.runs = 0
        self._stop: Stop | None = None
        self._cancelled = threading.Event()

    def carry_out(
        self, summary: str, hypothesis: str, emitter: str, edits: Sequence[Edit]
    ) -> dict[str, Any]:
        """Measure the edits, or without any those in the checkout; tell of the trial as `show`.

        Raises NightlabError where it was not tried, with the reason.
        """
        if not summary.strip():
            raise NightlabError("not tried: say what the change does, in `summary`")
        if edits:
            wish = Wish(0, summary, hypothesis, emitter, edits=self._pairs(edits))
        else:
            wish = wish_of_checkout(self.study, summary, hypothesis, emitter)
        fate = carry_out(
            self.study,
            wish,
            None,
            lambda why: self.tell(self.runs, why),
            on_campaign=self._begin,
            on_event=self._event,
            on_progress=self._progress,
            on_stop=self._take,
        )
        if not fate.trial:
            raise NightlabError(f"not tried: {fate.why}")
        return self._told(fate.campaign, fate.trial)

    def cancel(self) -> None:
        """The client wants no more of it."""
        self._cancelled.set()
        if self._stop is not None:
            self._stop.request("cancelled by the client")

    def _take(self, stop: Stop) -> None:
        self._stop = stop
        if self._cancelled.is_set():
            self.cancel()

    def _pairs(self, edits: Sequence[Edit]) -> dict[str, tuple[str | None, str | None]]:
        """Edits of the best as old and new texts."""
        tags = self.study.tags()
        commit = self.study.repository.head()
        if tags:
            campaign = self.study.campaign(tags[-1])
            commit = campaign.history.incumbent.commit
            campaign.ledger.close()
        surface = self.study.rooms.surface
        files = self.study.rooms.propose_setting().files(commit)
        texts = {
            path: files[path].decode("utf-8", "replace")
            for path in files
            if any(edit.path == path for edit in edits)
        }
        blocks = [_block(edit) for edit in edits]
        try:
            new = apply_blocks(blocks, texts, surface)
        except BadEdit as error:
            raise NightlabError(f"not tried: {error}") from None
        return {path: (texts.get(path), text) for path, text in new.items()}

    def _begin(self, campaign: Campaign) -> None:
        self.tell(self.runs, f"campaign {campaign.tag}")

    def _event(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            who = f"trial {event.trial}" if event.trial else "baseline"
            self.tell(self.runs, f"{who}: seed {event.seed} runs")
        elif isinstance(event, RunEnded):
            self.runs += 1
            self.tell(self.runs, f"run {event.run}: {event.outcome}, {event.seconds:.1f} s")
        elif isinstance(event, TrialSettled):
            self.tell(self.runs, f"trial {event.trial}: {event.decision}: {event.reason}")

    def _progress(self, progress: Progress) -> None:
        if progress.fraction is not None:
            share = min(progress.fraction, 0.99)
            self.tell(self.runs + share, f"run {progress.run}: {share:.0%}")

    def _told(self, tag: str, number: int) -> dict[str, Any]:
        from nightlab.report.status import reviews, show

        campaign = self.study.campaign(tag)
        try:
            history, judge = campaign.history, self.study.rooms.judge()
            trial = campaign.state.trial(number)
            return show(history, trial, judge, reviews(campaign), campaign.state)
        finally:
            campaign.ledger.close()


def _block(edit: Edit) -> Block:
    return Block(edit.path, tuple(edit.search.splitlines()), tuple(edit.replace.splitlines()))
