"""What a session of `nightlab run` tells and leaves behind: its view, its progress, its reports."""

from __future__ import annotations

from nightlab.campaign import Campaign
from nightlab.judge.unfit import baseline_breaks
from nightlab.remember.events import Event, RunEnded, TrialSettled
from nightlab.report.build import write_reports
from nightlab.report.progress import progress_text, write_progress
from nightlab.report.terminal.view import View
from nightlab.stop import Stop
from nightlab.study import Study
from nightlab.types import NightlabError, Outcome, one_line


class Session:
    """Passes what happens on to a view, and writes what people read."""

    def __init__(self, study: Study, view: View) -> None:
        self.study = study
        self.view = view
        self.campaign: Campaign | None = None
        self.stop: Stop | None = None
        self.learned = False
        self._failed = False
        self._looked = False

    def take_up(self, campaign: Campaign) -> None:
        """A campaign is about to be worked on."""
        self.campaign = campaign

    def begin(self, stop: Stop) -> None:
        """It is worked on until `stop` says so."""
        assert self.campaign is not None
        self.stop = stop
        self.view.begin(self.campaign, stop)
        self._look_at_baseline()

    @property
    def ran_dry(self) -> str:
        """Why not one trial was settled, where the proposer had nothing to give."""
        if self.campaign is None or self.stop is None or self.stop.settled(self.campaign):
            return ""
        return self.campaign.exhausted

    def event(self, event: Event) -> None:
        """Something happened. Every so many settled trials, tell the progress."""
        good = isinstance(event, RunEnded) and event.outcome == Outcome.OK.value
        self.learned = self.learned or good or isinstance(event, TrialSettled)
        self.view.event(event)
        if isinstance(event, RunEnded):
            self._look_at_baseline()
        if isinstance(event, TrialSettled):
            self._tell_progress()

    def _look_at_baseline(self) -> None:
        """Say once what it breaks of the policy, as soon as it is measured."""
        assert self.campaign is not None
        if self._looked or not self.campaign.baseline_measured:
            return
        self._looked = True
        if broken := baseline_breaks(self.study.program.policy, self.campaign.history):
            self.view.note(f"note: {broken}")

    def _tell_progress(self) -> None:
        assert self.campaign is not None
        every = self.study.settings.report.every
        if not every or self.campaign.state.settled % every:
            return
        text = progress_text(self.study, self.campaign)
        try:
            path = write_progress(self.study, text)
        except OSError as error:
            if not self._failed:
                why = one_line(error.strerror or str(error))
                self.view.note(f"the progress report could not be written: {why}")
            self._failed = True
            return
        self.view.progress_report(text, path)

    def write_reports(self) -> list[str]:
        """Write what report.with names, if anything was learned. Returns what failed.

        The campaign is opened anew: the session's own ledger is closed by now.
        """
        if self.campaign is None or not self.learned:
            return []
        if self.campaign.results_behind:
            self.view.note(self.campaign.results_behind)
        try:
            campaign = self.study.campaign(self.campaign.tag)
            try:
                files = write_reports(self.study, campaign)
            finally:
                campaign.ledger.close()
        except NightlabError as error:
            return str(error).splitlines()
        if files:
            self.view.wrote(files, self.study.folder)
        return []
