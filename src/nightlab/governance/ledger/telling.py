"""Follows a tuning while it goes on: its lines, its ledger, and the best so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from nightlab.campaign import Campaign
from nightlab.governance.ledger.artifacts import Artifacts
from nightlab.governance.ledger.best import write_best
from nightlab.governance.ledger.earlier import read_earlier
from nightlab.governance.ledger.lines import baseline_lines, iteration_line
from nightlab.governance.ledger.record import lever
from nightlab.governance.ledger.summary import Summary
from nightlab.governance.objective import Objective
from nightlab.governance.place import Place
from nightlab.governance.question import Question, Say
from nightlab.judge.unfit import baseline_breaks
from nightlab.remember.events import Event, IncumbentReviewed, RunEnded, TrialOpened, TrialSettled
from nightlab.report.terminal.lines import event_line
from nightlab.types import History, Trial, Value, one_line


class Telling:
    """Follows a tuning: upstream's lines, the ledger, a folder per iteration, the best so far.

    An iteration's line is cut to the `width` of the moment, in columns; None leaves it whole.
    """

    def __init__(
        self,
        question: Question,
        place: Place,
        objective: Objective,
        say: Say,
        warn: Say,
        width: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.question = question
        self.place = place
        self.objective = objective
        self.say = say
        self.warn = warn
        self.width = width
        self.extra: dict[str, Any] = {}
        self.artifacts = Artifacts(place.iterations, question.scenario, objective.policy.metric)
        self._campaign: Campaign | None = None
        self._summary: Summary | None = None
        self._baseline_told = False
        self._best: int | None = None
        self._doubt = ""
        self.all_is_told = False

    @property
    def campaign(self) -> Campaign:
        """The one that is told of."""
        assert self._campaign is not None
        return self._campaign

    def take_up(self, campaign: Campaign) -> None:
        """It is about to be worked on."""
        self._campaign = campaign
        scenario = str(self.question.scenario)
        began = campaign.state.began_at
        self._summary = Summary(self.place.summary, self.objective, scenario, began)
        self._take_up_earlier(campaign.history)
        self._tell_baseline()

    def _take_up_earlier(self, history: History) -> None:
        """What was found before stays, best.yaml too, until something else is the best."""
        earlier = read_earlier(self.place.summary)
        self.extra = dict(earlier.found)
        if earlier.is_of(history) and self.place.best.exists():
            self._best = earlier.best
        written = self.place.best.exists() and self.place.report.exists()
        self.all_is_told = written and earlier.is_all_of(history)
        if why := earlier.refuted(history):
            self._doubt = (
                f"it goes on from iteration {earlier.best}, which did not hold on fresh seeds"
                f" ({why}); --new begins afresh"
            )

    def _tell_doubt(self) -> None:
        if self._doubt:
            self.warn(self._doubt)
        self._doubt = ""

    def event(self, event: Event) -> None:
        """Something happened, and the campaign has taken it in."""
        if isinstance(event, TrialOpened):
            self._tell_doubt()
        elif isinstance(event, RunEnded):
            self._tell_baseline()
        elif isinstance(event, TrialSettled):
            self._settled(event.trial)
        elif isinstance(event, IncumbentReviewed):
            self.say(f"[autoresearch] {one_line(event_line(event, self.campaign))}")
            self.save()

    def save(self, campaign: Campaign | None = None, finished: bool = False) -> None:
        """Write what is new of the iterations, then summary.json whole."""
        assert self._summary is not None
        self.all_is_told = False
        history = (campaign or self.campaign).history
        self.artifacts.write(history, self._summary.records(history))
        if not finished:
            self._save_best(history)
        self._summary.write(history, self.extra, time.time() if finished else None)

    def _save_best(self, history: History) -> None:
        """best.yaml of what stands now; the look back writes the last one."""
        if self._best != history.incumbent.number:
            self._best = history.incumbent.number
            levers = moved_levers(history.baseline, history.incumbent)
            write_best(self.question.scenario, levers, self.place.best)

    def _tell_baseline(self) -> None:
        if self._baseline_told or not self.campaign.baseline_measured:
            return
        self._baseline_told = True
        if not self.all_is_told:
            self.save()
        history = self.campaign.history
        for line in baseline_lines(history.metric, history.anchor()):
            self.say(line)
        broken = baseline_breaks(self.objective.policy, history)
        if broken and not self.all_is_told:
            self.warn(broken)

    def _settled(self, number: int) -> None:
        assert self._summary is not None
        history = self.campaign.history
        self.save()
        records = self._summary.records(history)
        record = next(each for each in records if each["iteration"] == number)
        self.say(iteration_line(record, history.metric, self.width()))


def moved_levers(baseline: Trial, trial: Trial) -> Mapping[str, Value]:
    """The levers whose values differ between two trials, by their own names."""
    return {
        lever(name): value
        for name, value in trial.parameters.items()
        if value != baseline.parameters.get(name)
    }
