"""What the tools of the MCP server tell: the study as it is now, read from the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nightlab.campaign import Campaign
from nightlab.propose.brief import Brief, Order, make_brief
from nightlab.remember.wishes import Wishes
from nightlab.study import Study, open_study
from nightlab.types import NightlabError, Trial

_LONGEST = 200_000
"""Characters of a log or a diff that are told."""


class Reading:
    """Opens the study anew for each answer: a campaign may be at work in another process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def study(self) -> Study:
        """The study. Raises NightlabError where program.md is wrong."""
        return open_study(self.folder)

    def brief(self, tokens: int) -> Brief:
        """What is known, within so many tokens."""
        with self._campaign() as (study, campaign):
            queue, recall = (
                Wishes(campaign.ledger),
                study.rooms.recall(campaign.ledger, campaign.tag),
            )
            setting = study.rooms.propose_setting(queue=queue, recall=recall)
            return make_brief(setting, campaign.history, Order(), tokens)

    def status(self) -> dict[str, Any]:
        """Where the campaign stands, by the keys of `nightlab status --json`."""
        from nightlab.report.status import status

        with self._campaign() as (study, campaign):
            return status(study, campaign)

    def show(self, number: int) -> dict[str, Any]:
        """One trial, by the keys of `nightlab show N --json`."""
        from nightlab.report.status import reviews, show

        with self._campaign() as (study, campaign):
            trial, judge = _trial(campaign, number), study.rooms.judge()
            return show(campaign.history, trial, judge, reviews(campaign), campaign.state)

    def memory(self) -> dict[str, Any]:
        """What the trials have taught, by the keys of `nightlab memory --json`, and what is kept.

        Beside those: the `plan` for the next trial, the kept changes, the noise, the last trials,
        the ideas in line, and what the last runs printed, as in a brief.
        """
        from nightlab.report.memory import learned, memory_data
        from nightlab.report.memory.plan import plan_data, plan_for

        parts = ("kept", "noise", "trials", "ideas", "diagnostics")
        brief = self.brief(tokens=20_000).data
        with self._campaign() as (study, campaign):
            known = learned(study, campaign)
            told = memory_data(campaign, known)
            plan = plan_data(plan_for(study, campaign, known))
        return {**told, "plan": plan, **{name: brief[name] for name in parts}}

    def diff(self, number: int) -> str:
        """The diff of a trial."""
        with self._campaign() as (_, campaign):
            return _trial(campaign, number).diff[:_LONGEST]

    def log(self, number: int) -> str:
        """The end of the log of a run, by the number of the run."""
        with self._campaign() as (_, campaign):
            trials = [campaign.history.baseline, *campaign.history.trials]
            runs = [run for t in trials for run in t.runs]
            runs += [run for t in trials for attempt in t.attempts for run in attempt.runs]
        for run in runs:
            if run.number == number and run.log:
                try:
                    text = Path(run.log).read_text(encoding="utf-8", errors="replace")
                except OSError as error:
                    raise NightlabError(f"the log of run {number} is gone: {error}") from None
                return text[-_LONGEST:]
        raise NightlabError(f"there is no run {number}; `show` lists those of a trial")

    def report(self) -> dict[str, Any]:
        """Write the reports that program.md names. Returns the summary, and the files."""
        from nightlab.report.build import write_reports
        from nightlab.report.summary import summary_text

        with self._campaign() as (study, campaign):
            files = write_reports(study, campaign)
            summary = summary_text(study, campaign)
        return {"summary": summary, "files": [str(path) for path in files]}

    @contextmanager
    def _campaign(self) -> Iterator[tuple[Study, Campaign]]:
        study = self.study()
        campaign = study.campaign(study.pick())
        try:
            yield study, campaign
        finally:
            campaign.ledger.close()


def _trial(campaign: Campaign, number: int) -> Trial:
    try:
        return campaign.state.trial(number)
    except IndexError:
        last = len(campaign.state.trials)
        raise NightlabError(f"there is no trial {number}; the last is {last}") from None
