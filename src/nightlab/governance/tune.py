"""A tuning: the ordinary loop on a study of its own, with upstream's ledger as its view."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nightlab.campaign import Campaign
from nightlab.governance.afterwards import TIMES, Afterwards, LookBack
from nightlab.governance.lay import lay_study
from nightlab.governance.ledger.artifacts import Artifacts
from nightlab.governance.ledger.best import write_best
from nightlab.governance.ledger.commit import commit_summary
from nightlab.governance.ledger.lines import baseline_lines, iteration_line
from nightlab.governance.ledger.record import lever
from nightlab.governance.ledger.summary import Summary
from nightlab.governance.objective import Objective, read_objective
from nightlab.governance.place import Place
from nightlab.governance.question import Question, Say
from nightlab.governance.report import write_report
from nightlab.governance.report.findings import Findings
from nightlab.remember.events import Event, IncumbentReviewed, RunEnded, TrialSettled
from nightlab.report.terminal.lines import event_line
from nightlab.stop import Stop
from nightlab.study import Study, open_study
from nightlab.types import History, Trial, Value, one_line

_SEARCH = 0.8
"""The share of --minutes that goes to the search and its confirmation; the rest looks back."""


@dataclass
class Tuning:
    """One call of `nightlab governance tune`: begins, or goes on where it stopped.

    `say` is given what is printed, `warn` what a reader should know besides; `on_stop` the means to
    end cleanly. `why` is why it stopped, once it has.
    """

    question: Question
    place: Place
    objective: Objective
    say: Say
    warn: Say
    python: str = sys.executable
    on_stop: Callable[[Stop], None] = lambda _: None
    minutes: float | None = None
    why: str = field(default="", init=False)
    _began: float = field(default_factory=time.time, init=False)

    @classmethod
    def of(cls, question: Question, root: Path, say: Say, warn: Say) -> Tuning:
        """A tuning below `root`. Raises NightlabError for an objective that makes no sense."""
        question = question.checked()
        objective = read_objective(question.objective, question.score)
        return cls(question, Place(root), objective, say, warn)

    def prepare(self, new: bool = False) -> Study:
        """Lay the study, or make sure that the one that is there asks the same."""
        for warning in self.objective.warnings:
            self.warn(warning)
        if new and (aside := self.place.put_aside()):
            self.warn(f"what was here lies in {aside}")
        if self.place.is_begun:
            self.place.check_same(self.question)
        else:
            lay_study(self.place, self.question, self.objective, self.python, self.warn)
        study = open_study(self.place.study)
        self.objective = replace(self.objective, policy=study.program.policy)
        return study

    def run(self, study: Study, iterations: int) -> Telling:
        """Work until there are so many iterations. Returns who has told of them."""
        done = _opened(study)
        if done and done >= iterations:
            self.warn(f"{done} iterations are done; a larger --iterations goes on from there")
        telling = Telling(self.question, self.place, self.objective, self.say)
        campaign, self.why = study.run(
            trials=max(0, iterations - done),
            on_campaign=telling.take_up,
            on_event=telling.event,
            on_stop=self._bound,
        )
        if campaign.exhausted:
            self.warn(f"it stopped early, without a further idea: {campaign.exhausted}")
        return telling

    def look_back(self, study: Study, telling: Telling) -> None:
        """Fresh seeds and ablation, best.yaml and the report; the ledger is finished then."""
        campaign = study.campaign(telling.campaign.tag)
        try:
            found = self._looked_back(study, campaign)
            telling.extra |= _told(found)
            telling.save(campaign, finished=True)
            write_report(self.place.report, self._findings(campaign, found))
        finally:
            campaign.ledger.close()

    def _looked_back(self, study: Study, campaign: Campaign) -> LookBack | None:
        history = campaign.history
        if not history.incumbent.number:
            write_best(self.question.scenario, {}, self.place.best)
            return None
        deadline = None if self.minutes is None else self._began + 60 * self.minutes
        return Afterwards(study, history, self.question, self.python, self._tell).look(deadline)

    def _tell(self, line: str) -> None:
        self.say(f"[autoresearch] {line}")

    def _findings(self, campaign: Campaign, found: LookBack | None) -> Findings:
        question, history = self.question, campaign.history
        kept = history.lineage()
        return Findings(
            scenarios=tuple(map(str, question.scenarios)),
            policy=self.objective.policy,
            epochs=question.epochs,
            steps=question.steps,
            seeds=question.seeds,
            iterations=campaign.state.settled,
            accepted=len(kept),
            runs=campaign.state.runs_here,
            stopped=self.why,
            believed=history.gain(history.incumbent, history.baseline) if kept else None,
            ablation=found.ablation if found else None,
            longer=found.longer if found else None,
            times=TIMES,
            fixed=question.panel == "fixed",
            combine=question.combine,
        )

    def _bound(self, stop: Stop) -> None:
        """Let the search end in time for what comes after it."""
        if self.minutes is not None:
            stop.deadline = self._began + _SEARCH * 60 * self.minutes
        self.on_stop(stop)

    def commit(self) -> None:
        """Commit the ledger in the user's repository, alone."""
        name = self.objective.spec["primary_metric"]
        made = commit_summary(self.place.summary, name, self.question.scenario.name)
        self.say(f"[autoresearch] committed {self.place.summary} ({made})")


class Telling:
    """Follows a tuning: upstream's lines, the ledger, a folder per iteration, the best so far."""

    def __init__(self, question: Question, place: Place, objective: Objective, say: Say) -> None:
        self.question = question
        self.place = place
        self.objective = objective
        self.say = say
        self.extra: dict[str, Any] = {}
        self.artifacts = Artifacts(place.iterations, question.scenario, objective.policy.metric)
        self._campaign: Campaign | None = None
        self._summary: Summary | None = None
        self._baseline_told = False
        self._best: int | None = None

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
        self._tell_baseline()

    def event(self, event: Event) -> None:
        """Something happened, and the campaign has taken it in."""
        if isinstance(event, RunEnded):
            self._tell_baseline()
        elif isinstance(event, TrialSettled):
            self._settled(event.trial)
        elif isinstance(event, IncumbentReviewed):
            self.say(f"[autoresearch] {one_line(event_line(event, self.campaign))}")
            self.save()

    def save(self, campaign: Campaign | None = None, finished: bool = False) -> None:
        """Write what is new of the iterations, then summary.json whole."""
        assert self._summary is not None
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
        self.save()
        history = self.campaign.history
        for line in baseline_lines(history.metric, history.anchor()):
            self.say(line)

    def _settled(self, number: int) -> None:
        assert self._summary is not None
        history = self.campaign.history
        self.save()
        records = self._summary.records(history)
        record = next(each for each in records if each["iteration"] == number)
        self.say(iteration_line(record, history.metric))


def moved_levers(baseline: Trial, trial: Trial) -> Mapping[str, Value]:
    """The levers whose values differ between two trials, by their own names."""
    return {
        lever(name): value
        for name, value in trial.parameters.items()
        if value != baseline.parameters.get(name)
    }


def _opened(study: Study) -> int:
    """How many iterations were begun."""
    if not study.tags():
        return 0
    campaign = study.campaign(study.pick())
    try:
        return len(campaign.state.trials)
    finally:
        campaign.ledger.close()


def _told(found: LookBack | None) -> dict[str, Any]:
    """What the ledger tells of the look back, in its `nightlab` object."""
    if found is None:
        return {"confirmed": None, "ablation": None}
    ablation = found.ablation
    return {
        "confirmed": asdict(ablation.fresh),
        "longer": asdict(found.longer) if found.longer else None,
        "ablation": {
            "taken": ablation.taken.value,
            "why": ablation.why,
            "levers": dict(found.levers),
            "rows": [asdict(row) for row in ablation.rows],
            "seeds": list(ablation.seeds),
            "runs": ablation.runs,
        },
    }
