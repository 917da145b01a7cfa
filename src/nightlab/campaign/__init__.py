"""One campaign: its state, opened from the ledger; opens trials, starts runs, settles verdicts."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from nightlab import __version__
from nightlab.campaign import telling
from nightlab.campaign.admission import Admission
from nightlab.campaign.asking import ask
from nightlab.campaign.branch import Branch
from nightlab.campaign.jobs import Jobs, cut_off
from nightlab.campaign.mending import Mended, Mending
from nightlab.campaign.place import Place
from nightlab.change import Refused
from nightlab.change.build import Builder
from nightlab.change.message import keep_message, subject_line
from nightlab.change.repository import Repository
from nightlab.judge import Judge
from nightlab.judge.abort import Doom
from nightlab.judge.noise import NoiseMeter
from nightlab.propose import NothingToPropose, Proposer
from nightlab.remember.events import (
    AbortWeighed,
    CallBegan,
    ClaimMade,
    Event,
    IdeaTaken,
    IncumbentReviewed,
    RunEnded,
    RunStarted,
    SessionBegan,
    SessionEnded,
    TrialSettled,
)
from nightlab.remember.ledger import Entry, Ledger
from nightlab.remember.record import Record
from nightlab.remember.tsv import ResultsFile
from nightlab.types import (
    Change,
    Decision,
    History,
    Idea,
    Job,
    Measurement,
    NightlabError,
    Outcome,
    Purpose,
    Trial,
    Usage,
    Verdict,
    Wanted,
    one_line,
)

REFUSALS = 20
"""After this many refusals in a row a campaign stops: its proposer has run dry."""

_CLAIMS = 3
"""So many claims of one idea are taken down."""

OnEvent = Callable[[Event], None]


class Campaign:
    """A campaign being worked on. Every change of its state is an event, saved before it acts."""

    def __init__(
        self,
        tag: str,
        ledger: Ledger,
        repository: Repository,
        builder: Builder,
        place: Place,
        on_event: OnEvent = lambda _: None,
    ) -> None:
        self.tag = tag
        self.ledger = ledger
        self.repository = repository
        self.builder = builder
        self.place = place
        self.on_event = on_event
        self.state = Record()
        self.exhausted = ""
        self.closing = ""
        self.noise = NoiseMeter()
        self._history: History | None = None
        self.before_keep: Callable[[], None] = lambda: None
        self.keep_views: Callable[[], str] = lambda: ""
        self._views_behind = ""
        self.isolation = ""
        self.mending: Mending | None = None
        self._asked_for = 0
        self._unsaved: list[Entry] = []
        self._results = ResultsFile(place.results)
        self.state.read(ledger.read(tag))
        began = self.state.began
        if began is None:
            raise NightlabError(f"there is no campaign {tag!r} in the ledger")
        self.branch = began.branch
        self.admission = Admission(self.state, repository)
        self._branch = Branch(began.branch, tag, repository)
        protected = {
            path: value
            for path, value in repository.digests(began.base).items()
            if not self._is_surface(path)
        }
        self._jobs = Jobs(tag, began.base, repository, place, protected)

    # -- what it knows -----------------------------------------------------------------------

    @property
    def history(self) -> History:
        """The campaign at this instant, frozen."""
        if self._history is None or self._history.closing is not bool(self.closing):
            history = self.state.history()
            pairing = self.noise.measure(history).likely_pairing
            self._history = replace(history, pairing=pairing, closing=bool(self.closing))
        return self._history

    @property
    def baseline_measured(self) -> bool:
        """Whether trial 0 has a value on every seed of the panel."""
        history = self.history
        return set(history.seeds) <= set(history.baseline.values(history.metric))

    @property
    def in_flight(self) -> bool:
        """Whether any run has started and not ended."""
        return bool(self.state.run_trial)

    @property
    def results_behind(self) -> str:
        """Why results.tsv or another view could not be kept current, "" where all are."""
        return self._results.behind or self._views_behind

    @property
    def open_trials(self) -> bool:
        """Whether any trial waits for a verdict."""
        return bool(self.state.open)

    @property
    def protected(self) -> Mapping[str, str]:
        """The digest of each file outside the surface, as it was when the campaign began."""
        return self._jobs.protected

    def _is_surface(self, path: str) -> bool:
        prefix = self.repository.prefix
        return path.startswith(prefix) and self.builder.surface.owns(path[len(prefix) :])

    # -- sessions ----------------------------------------------------------------------------

    def begin_session(
        self, pid: int, deadline: float | None = None, trials: int | None = None
    ) -> None:
        """Take the campaign up: settle what a killed process left, and put the views right."""
        python, limit = sys.version.split()[0], self.place.time_limit
        self._add(SessionBegan(pid, __version__, python, limit, deadline, trials, self.isolation))
        for run, trial in list(self.state.run_trial.items()):
            self._add(RunEnded(run, trial, Outcome.INTERRUPTED.value, detail="Nightlab was killed"))
        self.save()
        for opened in self.state.trials:
            if opened.verdict is None or opened.number == self.state.incumbent:
                self._branch.pin(opened)
        self._branch.follow(self.state)
        self._rebuild_results()

    def end_session(self, why: str) -> None:
        """Put it down."""
        self._add(SessionEnded(why))
        self.save()

    # -- runs --------------------------------------------------------------------------------

    def again(self, free: int) -> Iterator[Job]:
        """What the last session was cut off from, as far as slots are free, where order counts."""
        for wanted in cut_off(self.state)[: max(0, free)] if self.place.in_order else ():
            yield self._start(wanted)

    def wanted(
        self,
        free: int,
        judge: Judge,
        proposer: Proposer,
        may_open: Callable[[], bool],
        may_start: Callable[[], bool] = lambda: True,
    ) -> Iterator[Job]:
        """Jobs for the free slots: what the judge asks for first, else a new trial.

        Once a trial is opened, which may have taken a writer its time, `may_start` is asked again.
        """
        while free > 0:
            asked = list(judge.wanted(self.history))[:free]
            if not asked:
                ready = self.baseline_measured and not (self.exhausted or self.closing)
                ready = ready and may_open()
                if not (ready and self._open_trial(proposer) and may_start()):
                    return
                continue
            for wanted in asked:
                yield self._start(wanted)
                free -= 1

    def record(self, measurement: Measurement) -> None:
        """Take a measurement in. Raises NightlabError where the baseline itself fails."""
        trial = self.state.run_trial[measurement.run]
        purpose = next(
            r.purpose for r in self.state.trial(trial).runs if r.number == measurement.run
        )
        self._add(
            RunEnded(
                run=measurement.run,
                trial=trial,
                outcome=measurement.outcome.value,
                metrics=dict(measurement.metrics),
                self_reported=dict(measurement.self_reported),
                seconds=measurement.seconds,
                detail=one_line(measurement.detail, 400),
                curve=[list(point) for point in measurement.curve],
            )
        )
        good = (Outcome.OK, Outcome.INTERRUPTED)
        if purpose is Purpose.BASELINE and measurement.outcome not in good:
            self.save()
            log = self.state.baseline.runs[-1].log
            raise NightlabError(
                f"the baseline does not run ({measurement.outcome.value}: {measurement.detail});"
                f" see {log}, mend the study, commit, and run `nightlab run --new`"
            )
        again = self.state.trial(trial).verdict is not None
        if again or (trial == 0 and self.baseline_measured):
            self.save()
            self._rebuild_results()

    def weigh_abort(self, doom: Doom) -> None:
        """Write down that a run was found hopeless, before it is stopped or spared."""
        if doom.predicted is not None:
            about = (doom.fraction, doom.predicted, doom.spared, one_line(doom.reason, 400))
            self._add(AbortWeighed(doom.run, doom.trial, *about))
            self.save()

    def settle(self, verdict: Verdict) -> None:
        """Write the verdict down, then move the branch, or leave it.

        `before_keep` may raise NightlabError, and the trial stays open.
        """
        trial = self.state.trial(verdict.trial)
        if trial.verdict is not None:
            self._review(verdict)
            return
        kept = verdict.decision is Decision.KEEP
        if kept:
            self.before_keep()
        commit = trial.commit
        if kept:
            message = keep_message(self.history, trial, verdict)
            commit = self.repository.reword(trial.commit, message)
        self._add(
            TrialSettled(
                trial=verdict.trial,
                decision=verdict.decision.value,
                rule=verdict.rule,
                reason=verdict.reason,
                evidence=dict(verdict.evidence),
                commit=commit,
            )
        )
        self.save()
        if kept:
            self._branch.pin(self.state.trial(verdict.trial))
            self._branch.follow(self.state)
        else:
            shutil.rmtree(self.place.artifacts(self.tag, verdict.trial), ignore_errors=True)
        if self.place.results.exists():
            self._results.append(self.history, self.state.trial(verdict.trial))
            self._views_behind = self.keep_views()
        else:
            self._rebuild_results()

    def _review(self, verdict: Verdict) -> None:
        """The incumbent stays, or the branch moves back to the one that takes its place."""
        passed = verdict.decision is Decision.KEEP
        to = verdict.trial if passed else int(verdict.evidence["to"])
        self._add(
            IncumbentReviewed(
                trial=verdict.trial,
                passed=passed,
                to=to,
                rule=verdict.rule,
                reason=verdict.reason,
                evidence=dict(verdict.evidence),
            )
        )
        self.save()
        if not passed:
            self._branch.follow(self.state)
        self._rebuild_results()

    def follow(self, entry: Entry) -> None:
        """Take in what another process has written to the ledger."""
        self.state.apply(entry)
        self._history = None

    def save(self) -> None:
        """Write what has happened since the last save, in one transaction."""
        if self._unsaved:
            unsaved, self._unsaved = self._unsaved, []
            events = [entry.event for entry in unsaved]
            self.ledger.append(self.tag, events, [entry.at for entry in unsaved])
            for event in events:
                self.on_event(event)

    def _add(self, event: Event) -> None:
        entry = Entry(0, self.ledger.clock(), event)
        self.follow(entry)
        self._unsaved.append(entry)

    # -- opening a trial ---------------------------------------------------------------------

    def _open_trial(self, proposer: Proposer) -> bool:
        """Propose until a change is worth running. False where the proposer has run dry."""
        while self.state.refused_in_a_row < REFUSALS:
            try:
                idea = ask(lambda: proposer.propose(self.history))
            except NothingToPropose as nothing:
                self.exhausted = one_line(str(nothing), 400)
                return False
            try:
                change = self._build(idea)
                self.admission.check(change)
            except Refused as refused:
                reason = one_line(str(refused), 400)
                self._add(telling.refused(idea, reason))
                self.save()
                proposer.refused(idea, reason)
                continue
            self._open(change)
            return True
        last = self.state.refusals[-1] if self.state.refusals else None
        why = f"; the last, {last.summary!r}: {last.reason}" if last else ""
        self.exhausted = f"{REFUSALS} ideas in a row were refused{why}"
        return False

    def _build(self, idea: Idea) -> Change:
        if idea.unusable:
            raise Refused(idea.unusable)
        return self.builder.build(idea, self.repository.files(self.history.incumbent.commit))

    def _open(self, change: Change) -> None:
        idea, parent = change.idea, self.history.incumbent
        commit = self.repository.commit(parent.commit, dict(change.files), subject_line(idea))
        trial = len(self.state.trials) + 1
        self._add(telling.opened(trial, change, commit, parent.commit))
        for claim in idea.claims[:_CLAIMS]:
            self._add(ClaimMade(one_line(claim, 200), idea.emitter))
        if idea.wish:
            self._add(IdeaTaken(idea.wish, trial))
        self._views_behind = self.keep_views()

    def mend(self, proposer: Proposer) -> None:
        """Give each open trial that failed by a slip one more chance."""
        for trial in self.history.open if self.mending else ():
            if trial.failed is None:
                continue
            self.save()  # views hear of the failure before it is mended
            self._asked_for = trial.number
            mended = self.mending.mend(trial, self.history, proposer) if self.mending else None
            self._asked_for = 0
            if mended is not None:
                self._amend(trial, mended)

    def _amend(self, trial: Trial, mended: Mended) -> None:
        change = mended.change
        try:
            self.admission.check(change)
        except Refused:
            return  # the crash stands
        commit = self.repository.commit(trial.parent, dict(change.files), subject_line(trial))
        self._add(telling.amended(trial.number, mended.why, change, commit))
        self.save()
        self._branch.pin(self.state.trial(trial.number))

    def begin_call(self) -> None:
        """Write down that a model or an agent is about to be asked."""
        self._add(CallBegan(self._on_behalf_of))
        self.save()

    @property
    def _on_behalf_of(self) -> int:
        """The trial that is being mended, else the next one."""
        return self._asked_for or len(self.state.trials) + 1

    def pay(self, emitter: str, usage: Usage) -> None:
        """Write down what asking a model or an agent has cost."""
        self._add(telling.spent(self._on_behalf_of, emitter, usage))
        self.save()

    def _start(self, wanted: Wanted) -> Job:
        number = self.state.runs + 1
        trial = self.state.trial(wanted.trial)
        log = self._jobs.log(number, trial, wanted.seed)
        self._add(RunStarted(number, trial.number, wanted.seed, wanted.purpose.value, str(log)))
        self.save()
        if not trial.runs:
            self._branch.pin(trial)
        return self._jobs.make(number, trial, wanted.seed, wanted.purpose, log)

    # -- views -------------------------------------------------------------------------------

    def restore_results(self) -> None:
        """Make results.tsv again where it is gone."""
        if not self.place.results.exists():
            self._rebuild_results()

    def _rebuild_results(self) -> None:
        self._results.rebuild(self.history, self.state.tabled())
        self._views_behind = self.keep_views()
