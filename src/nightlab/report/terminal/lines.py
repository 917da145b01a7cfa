"""A campaign as plain lines: for logs, pipes and terminals without cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nightlab.campaign import Campaign
from nightlab.remember.events import (
    AbortWeighed,
    ChangeRefused,
    Event,
    IncumbentReviewed,
    RunEnded,
    RunStarted,
    TrialAmended,
    TrialOpened,
    TrialSettled,
)
from nightlab.report.confirmed import confirmed_line
from nightlab.report.status import improvement_text
from nightlab.stop import Stop
from nightlab.types import Decision, Outcome, Progress, Purpose, Run, one_line

_WIDTH = 1000

_AFTERWARDS = {
    Purpose.REPLICATE: "measured again",
    Purpose.CONFIRM: "confirming",
    Purpose.VALIDATE: "validating",
}
"""What a run after the verdict is for, in words."""


class Lines:
    """Says each thing that matters on a line of its own."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.campaign: Campaign | None = None
        self._part: Purpose | None = None

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
        if self.campaign is None:
            return
        if isinstance(event, RunStarted):
            self._begin_part(event)
        if line := event_line(event, self.campaign):
            self.say(line)

    def _begin_part(self, event: RunStarted) -> None:
        """A line where confirming or validating begins: runs of a kind come one after the other."""
        purpose = Purpose(event.purpose)
        if purpose is not self._part and (said := part_line(purpose)):
            self.say(said)
        self._part = purpose

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
        if confirmed := confirmed_line(history):
            self.say(confirmed)

    def close(self) -> None:
        """Nothing is held."""


def wrote_line(files: Sequence[Path], folder: Path) -> str:
    """`wrote autoresearch-summary.md, charts/history.svg`."""
    names = (path.relative_to(folder) if path.is_relative_to(folder) else path for path in files)
    return f"wrote {', '.join(map(str, names))}"


def part_line(purpose: Purpose) -> str:
    """What begins with the first run for this purpose, "" for what needs no word."""
    if purpose is Purpose.CONFIRM:
        return "confirming the best, and the baseline, on seeds that no decision has used"
    if purpose is Purpose.VALIDATE:
        return "validating the incumbent with a longer budget"
    return ""


def event_line(event: Event, campaign: Campaign) -> str:
    """One line for one event, "" for events that only matter to the ledger."""
    if isinstance(event, RunEnded):
        return _run_line(event, campaign)
    if isinstance(event, AbortWeighed) and event.spared:
        return f"trial {event.trial}: run {event.run} goes on to test early abort: {event.reason}"
    if isinstance(event, TrialOpened):
        return f"trial {event.trial}: {event.summary}"
    if isinstance(event, TrialAmended):
        return f"trial {event.trial}: {event.why}; it is measured again"
    if isinstance(event, TrialSettled):
        history = campaign.history
        value = history.estimate(campaign.state.trial(event.trial))
        crashed = event.decision == Decision.CRASH.value
        told = f" {history.metric} {value:.6g}" if value is not None and not crashed else ""
        return f"trial {event.trial}: {event.decision.upper()}{told} ({event.rule}: {event.reason})"
    if isinstance(event, IncumbentReviewed):
        return _review_line(event)
    if isinstance(event, ChangeRefused):
        return f"refused: {event.summary}: {event.reason}"
    return ""


def _run_line(event: RunEnded, campaign: Campaign) -> str:
    """The baseline's runs, those that were interrupted, and those after a verdict."""
    who = f"trial {event.trial}" if event.trial else "baseline"
    if event.outcome == Outcome.INTERRUPTED.value:
        return f"{who}: run {event.run} was interrupted"
    run, metric = _run_of(event, campaign), campaign.history.metric
    value = event.metrics.get(metric)
    told = f"{metric} {value:.6g}" if value is not None else event.outcome
    if purpose := _AFTERWARDS.get(run.purpose):
        return f"{who}: {purpose}, seed {run.seed}: {told} ({event.seconds:.1f} s)"
    if event.trial == 0:
        return f"baseline seed {run.seed}: {told} ({event.seconds:.1f} s)"
    return ""


def _run_of(event: RunEnded, campaign: Campaign) -> Run:
    trial = campaign.state.trial(event.trial)
    return next(run for run in trial.runs if run.number == event.run)


def _review_line(event: IncumbentReviewed) -> str:
    why = f"({event.rule}: {event.reason})"
    if event.passed:
        return f"trial {event.trial}: stays the incumbent {why}"
    back = f"trial {event.to} is the incumbent again" if event.to else "the baseline stands again"
    return f"trial {event.trial}: DEMOTED {why}; {back}"
