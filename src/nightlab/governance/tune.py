"""A tuning: the ordinary loop on a study of its own, with upstream's ledger as its view."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from nightlab.campaign import Campaign
from nightlab.governance.afterwards import TIMES, Afterwards, LookBack, told
from nightlab.governance.lay import lay_study
from nightlab.governance.ledger.best import write_best
from nightlab.governance.ledger.commit import check_commit, commit_summary, is_committed
from nightlab.governance.ledger.telling import Telling, moved_levers
from nightlab.governance.objective import Objective, read_objective
from nightlab.governance.place import Place
from nightlab.governance.question import Question, Say
from nightlab.governance.report import write_report
from nightlab.governance.report.findings import Findings, verdict
from nightlab.judge.unfit import baseline_breaks
from nightlab.remember.events import IncumbentReviewed
from nightlab.report.terminal.lines import event_line
from nightlab.stop import Stop
from nightlab.study import Study, open_study
from nightlab.types import one_line

_SEARCH = 0.8
"""The share of --minutes that goes to the search and its confirmation; the rest looks back."""


@dataclass
class Tuning:
    """One call of `nightlab governance tune`: begins, or goes on where it stopped.

    `say` is given what is printed, `warn` what a reader should know besides; `on_stop` the means to
    end cleanly; `width` tells how many columns a line may have. `why` is why it stopped, once it
    has.
    """

    question: Question
    place: Place
    objective: Objective
    say: Say
    warn: Say
    python: str = sys.executable
    on_stop: Callable[[Stop], None] = lambda _: None
    minutes: float | None = None
    width: Callable[[], int | None] = lambda: None
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
            self.warn(f"{done} iterations are done; a larger --iterations makes more")
        spoken = (self.say, self.warn, self.width)
        telling = Telling(self.question, self.place, self.objective, *spoken)
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
        """Fresh seeds and ablation, best.yaml and the report; the ledger is finished then.

        Where it was finished before, and nothing was settled since, all stays as it is.
        """
        if telling.all_is_told:
            self._tell(f"nothing is new: {self.place.best}, report: {self.place.report}")
            return
        campaign = study.campaign(telling.campaign.tag)
        try:
            found = self._looked_back(study, campaign)
            telling.extra |= told(found)
            telling.save(campaign, finished=True)
            findings = self._findings(campaign, found)
            write_report(self.place.report, findings)
        finally:
            campaign.ledger.close()
        self._tell(one_line(verdict(findings).replace("**", ""), 400))
        self._tell(f"best: {self.place.best}, report: {self.place.report}")

    def _looked_back(self, study: Study, campaign: Campaign) -> LookBack | None:
        history = campaign.history
        if not history.incumbent.number:
            write_best(self.question.scenario, {}, self.place.best)
            return None
        if not self.question.confirm:
            levers = moved_levers(history.baseline, history.incumbent)
            write_best(self.question.scenario, levers, self.place.best)
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
            confirm=question.confirm,
            believed=history.gain(history.incumbent, history.baseline) if kept else None,
            ablation=found.ablation if found else None,
            longer=found.longer if found else None,
            times=TIMES,
            fixed=question.panel == "fixed",
            combine=question.combine,
            validations=_validations(campaign),
            notes=tuple(filter(None, [baseline_breaks(self.objective.policy, history)])),
        )

    def _bound(self, stop: Stop) -> None:
        """Let the search end in time for what comes after it."""
        if self.minutes is not None:
            stop.deadline = self._began + _SEARCH * 60 * self.minutes
        self.on_stop(stop)

    def check_commit(self) -> None:
        """Raise NightlabError where `commit` could not commit the ledger at the end."""
        check_commit(self.place.summary)

    def commit(self) -> None:
        """Commit the ledger in the user's repository, alone."""
        name = self.objective.spec["primary_metric"]
        if is_committed(self.place.summary):
            self._tell(f"{self.place.summary} is committed already")
            return
        made = commit_summary(self.place.summary, name, self.question.scenario.name)
        self._tell(f"committed {self.place.summary} ({made})")


def _opened(study: Study) -> int:
    """How many iterations were begun."""
    if not study.tags():
        return 0
    campaign = study.campaign(study.pick())
    try:
        return len(campaign.state.trials)
    finally:
        campaign.ledger.close()


def _validations(campaign: Campaign) -> tuple[str, ...]:
    """What longer looks said of the best of their day, a line each."""
    events = (entry.event for entry in campaign.ledger.read(campaign.tag))
    reviews = (event for event in events if isinstance(event, IncumbentReviewed))
    return tuple(one_line(event_line(event, campaign)) for event in reviews)
