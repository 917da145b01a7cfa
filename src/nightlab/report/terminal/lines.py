"""A campaign as plain lines: for logs, pipes and terminals without cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nightlab.campaign import Campaign
from nightlab.remember.events import (
    AbortWeighed,
    ChangeRefused,
    Event,
    RunEnded,
    TrialOpened,
    TrialSettled,
)
from nightlab.report.status import improvement_text
from nightlab.stop import Stop
from nightlab.types import Decision, Outcome, Progress, one_line

_WIDTH = 1000


class Lines:
    """Says each thing that matters on a line of its own."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.campaign: Campaign | None = None

    def say(self, line: str) -> None:
        """One line, whatever was in it."""
        self._say(one_line(line, _WIDTH))

    def begin(self, campaign: Campaign, stop: Stop | None = None) -> None:
        """Name the campaign and where it stands."""
        self.campaign = campaign
        record = campaign.state
        if record.settled or record.runs:
            self.say(f"campaign {campaign.tag} goes on at trial {record.opened + 1}")
        else:
            self.say(f"campaign {campaign.tag} begins on branch {campaign.branch}")

    def event(self, event: Event) -> None:
        """Say what the event means, if it means something to a reader."""
        line = event_line(event, self.campaign) if self.campaign else ""
        if line:
            self.say(line)

    def progress(self, progress: Progress) -> None:
        """Progress is not told in lines."""

    def progress_report(self, text: str, path: Path) -> None:
        """The whole of it, between blank lines."""
        for line in ["", *text.splitlines(), ""]:
            self.say(line)

    def note(self, line: str) -> None:
        """Something that is neither an event nor the end."""
        self.say(line)

    def wrote(self, files: Sequence[Path], folder: Path) -> None:
        """Name what was written."""
        self.say(wrote_line(files, folder))

    def end(self, why: str) -> None:
        """Say why it stopped, and where it stands."""
        assert self.campaign is not None
        history = self.campaign.history
        self.say(f"stopped: {why}")
        self.say(f"{history.metric}: {improvement_text(history)}")

    def close(self) -> None:
        """Nothing is held."""


def wrote_line(files: Sequence[Path], folder: Path) -> str:
    """`wrote autoresearch-summary.md, charts/history.svg`."""
    names = (path.relative_to(folder) if path.is_relative_to(folder) else path for path in files)
    return f"wrote {', '.join(map(str, names))}"


def event_line(event: Event, campaign: Campaign) -> str:
    """One line for one event, "" for events that only matter to the ledger."""
    history = campaign.history
    if isinstance(event, RunEnded) and event.trial == 0:
        value = event.metrics.get(history.metric)
        told = f"{history.metric} {value:.6g}" if value is not None else event.outcome
        seed = next(r.seed for r in history.baseline.runs if r.number == event.run)
        return f"baseline seed {seed}: {told} ({event.seconds:.1f} s)"
    if isinstance(event, RunEnded) and event.outcome == Outcome.INTERRUPTED.value:
        return f"trial {event.trial}: run {event.run} was interrupted"
    if isinstance(event, AbortWeighed) and event.spared:
        return f"trial {event.trial}: run {event.run} goes on to test early abort: {event.reason}"
    if isinstance(event, TrialOpened):
        return f"trial {event.trial}: {event.summary}"
    if isinstance(event, TrialSettled):
        value = history.estimate(campaign.state.trial(event.trial))
        crashed = event.decision == Decision.CRASH.value
        told = f" {history.metric} {value:.6g}" if value is not None and not crashed else ""
        return f"trial {event.trial}: {event.decision.upper()}{told} ({event.rule}: {event.reason})"
    if isinstance(event, ChangeRefused):
        return f"refused: {event.summary}: {event.reason}"
    return ""
