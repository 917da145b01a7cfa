"""One campaign: its state, opened from the ledger; opens trials, starts runs, settles verdicts."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from nightlab import __version__
from nightlab.change import Refused
from nightlab.change.build import Builder
from nightlab.change.keys import load_mapping
from nightlab.change.message import keep_message, subject_line
from nightlab.change.normal import digest
from nightlab.change.repository import CommittedFiles, Repository
from nightlab.judge import Judge
from nightlab.judge.abort import Doom
from nightlab.judge.noise import NoiseMeter
from nightlab.propose import NothingToPropose, Proposer
from nightlab.remember.events import (
    AbortWeighed,
    ChangeRefused,
    Event,
    IncumbentReviewed,
    RunEnded,
    RunStarted,
    SessionBegan,
    SessionEnded,
    TrialOpened,
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
    Verdict,
    Wanted,
    one_line,
)

REFUSALS = 20
"""After this many refusals in a row a campaign stops: its proposer has run dry."""

OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Place:
    """Where a campaign's things lie: `home` is out of the checkout, in the git common folder.

    `time_limit` is that of a run in seconds, `validation` how many times the budget of a run a
    longer validation has.
    """

    home: Path
    results: Path
    keys: str | None
    time_limit: float
    validation: float = 1.0

    def logs(self, tag: str) -> Path:
        """The folder of a campaign's logs."""
        return self.home / "logs" / tag

    def artifacts(self, tag: str, trial: int) -> Path:
        """The folder of a trial's artifacts, one folder a run."""
        return self.home / "artifacts" / tag / str(trial)


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
        self.isolation = ""
        self._unsaved: list[Event] = []
        self._results = ResultsFile(place.results)
        self._codes: dict[str, str] = {}
        self.state.read(ledger.read(tag))
        began = self.state.began
        if began is None:
            raise NightlabError(f"there is no campaign {tag!r} in the ledger")
        self.branch = began.branch
        self.protected = {
            path: value
            for path, value in repository.digests(began.base).items()
            if not self._is_surface(path)
        }

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
    def branch_was_made(self) -> bool:
        """Whether the branch has come into being: it does before the first run."""
        return bool(self.state.runs)

    @property
    def in_flight(self) -> bool:
        """Whether any run has started and not ended."""
        return bool(self.state.run_trial)

    @property
    def results_behind(self) -> str:
        """Why results.tsv could not be kept current, "" where it is."""
        return self._results.behind

    @property
    def open_trials(self) -> bool:
        """Whether any trial waits for a verdict."""
        return bool(self.state.open)

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
                self._pin(opened)
        self._move_branch()
        self._rebuild_results()

    def end_session(self, why: str) -> None:
        """Put it down."""
        self._add(SessionEnded(why))
        self.save()

    # -- runs --------------------------------------------------------------------------------

    def wanted(
        self, free: int, judge: Judge, proposer: Proposer, may_open: Callable[[], bool]
    ) -> Iterator[Job]:
        """Jobs for the free slots: what the judge asks for first, else a new trial."""
        while free > 0:
            asked = list(judge.wanted(self.history))[:free]
            if not asked:
                ready = self.baseline_measured and not (self.exhausted or self.closing)
                ready = ready and may_open()
                if not (ready and self._open_trial(proposer)):
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
            self._pin(self.state.trial(verdict.trial))
            self._move_branch()
        else:
            shutil.rmtree(self.place.artifacts(self.tag, verdict.trial), ignore_errors=True)
        if self.place.results.exists():
            self._results.append(self.history, self.state.trial(verdict.trial))
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
            self._move_branch()
        self._rebuild_results()

    def follow(self, entry: Entry) -> None:
        """Take in what another process has written to the ledger."""
        self.state.apply(entry)
        self._history = None

    def save(self) -> None:
        """Write what has happened since the last save, in one transaction."""
        if self._unsaved:
            events, self._unsaved = self._unsaved, []
            self.ledger.append(self.tag, events)
            for event in events:
                self.on_event(event)

    def _add(self, event: Event) -> None:
        self.follow(Entry(0, self.ledger.clock(), event))
        self._unsaved.append(event)

    # -- opening a trial ---------------------------------------------------------------------

    def _open_trial(self, proposer: Proposer) -> bool:
        """Propose until a change is worth running. False where the proposer has run dry."""
        while self.state.refused_in_a_row < REFUSALS:
            try:
                idea = proposer.propose(self.history)
                if not isinstance(idea, Idea):
                    raise TypeError(f"it proposed {type(idea).__name__}, where an Idea is needed")
            except NothingToPropose as nothing:
                self.exhausted = one_line(str(nothing), 400)
                return False
            except NightlabError:
                raise
            except Exception as error:  # a proposer may be anybody's code
                what = one_line(f"{type(error).__name__}: {error}")
                raise NightlabError(f"the proposer failed: {what}") from error
            try:
                change = self._admit(self.builder.build(idea, self._incumbent_files()))
            except Refused as refused:
                reason = one_line(str(refused), 400)
                summary = one_line(idea.summary)
                asked = {name: _storable(value) for name, value in idea.parameters.items()}
                self._add(ChangeRefused(summary, idea.emitter, reason, asked))
                self.save()
                proposer.refused(idea, reason)
                continue
            self._open(change)
            return True
        last = self.state.last_refusal
        why = f"; the last, {last.summary!r}: {last.reason}" if last else ""
        self.exhausted = f"{REFUSALS} ideas in a row were refused{why}"
        return False

    def _admit(self, change: Change) -> Change:
        """Raise Refused where this state was measured before, or this very diff has crashed."""
        before = self.state.states.get(change.state)
        if before is not None:
            what = "the baseline" if before == 0 else f"trial {before}"
            raise Refused(f"already tried: {what} is the same")
        crashed = self.state.crashed.get(change.fingerprint)
        if crashed is not None:
            raise Refused(f"the same change crashed as trial {crashed}")
        return change

    def _incumbent_files(self) -> CommittedFiles:
        return self.repository.files(self.history.incumbent.commit)

    def _open(self, change: Change) -> None:
        idea, parent = change.idea, self.history.incumbent
        commit = self.repository.commit(parent.commit, dict(change.files), subject_line(idea))
        trial = len(self.state.trials) + 1
        self._add(
            TrialOpened(
                trial=trial,
                summary=one_line(idea.summary) or "no summary",
                hypothesis=one_line(idea.hypothesis, 1000),
                emitter=idea.emitter,
                commit=commit,
                parent=parent.commit,
                parameters=dict(change.parameters),
                moved=dict(idea.parameters),
                diff=change.diff,
                lines=change.lines,
                state=change.state,
                fingerprint=change.fingerprint,
                edited=bool(idea.files),
            )
        )

    def _start(self, wanted: Wanted) -> Job:
        number = self.state.runs + 1
        trial = self.state.trial(wanted.trial)
        logs = self.place.logs(self.tag)
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{trial.number}-seed{wanted.seed}-run{number}.log"
        self._add(RunStarted(number, trial.number, wanted.seed, wanted.purpose.value, str(log)))
        self.save()
        if trial.number and not trial.runs:
            self._pin(trial)
        return self._job(number, trial, wanted.seed, wanted.purpose, log)

    def _job(self, number: int, trial: Trial, seed: int, purpose: Purpose, log: Path) -> Job:
        base = self.state.baseline.commit
        return Job(
            run=number,
            trial=trial.number,
            seed=seed,
            purpose=purpose,
            export=lambda folder: self.repository.export(trial.commit, folder),
            harness=lambda folder: self.repository.export(base, folder),
            code=self._code(trial.commit),
            parameters=self._call_parameters(trial),
            protected=self.protected,
            log=log,
            artifacts=self.place.artifacts(self.tag, trial.number) / str(number),
            times=self.place.validation if purpose is Purpose.VALIDATE else 1.0,
        )

    def _code(self, commit: str) -> str:
        """Identity of all files but the keys file."""
        if commit not in self._codes:
            files, keys = self.repository.files(commit), self.place.keys
            full = f"{self.repository.prefix}{keys}"
            self._codes = {} if len(self._codes) > 64 else self._codes
            self._codes[commit] = digest(
                f"{path}:{blob}" for path, (blob, _) in files.entries.items() if path != full
            )
        return self._codes[commit]

    def _call_parameters(self, trial: Trial) -> dict[str, Any]:
        keys = self.place.keys
        if keys is None:
            return dict(trial.parameters)
        return load_mapping(keys, self.repository.files(trial.commit)[keys])

    # -- git and views -----------------------------------------------------------------------

    def _pin(self, trial: Trial) -> None:
        if trial.number:
            self.repository.pin(f"refs/nightlab/{self.tag}/{trial.number}", trial.commit)

    def _move_branch(self) -> None:
        """Bring the branch to the incumbent, from where the ledger last left it."""
        record, tip = self.state, self.repository.tip(self.branch)
        wanted = record.trial(record.incumbent).commit
        if tip == wanted:
            return
        expected = record.trial(record.previous_incumbent).commit
        if tip is None and self.branch_was_made:
            raise NightlabError(
                f"branch {self.branch} is gone; `git branch {self.branch} {wanted[:12]}` makes it"
                " again, then run `nightlab run`"
            )
        if tip is not None and self.branch_was_made and tip not in (wanted, expected):
            raise NightlabError(
                f"branch {self.branch} was moved to {tip[:12]}, and not by Nightlab; put it back"
                f" with `git branch -f {self.branch} {wanted[:12]}`, then run `nightlab run`"
            )
        self.repository.move(self.branch, wanted, expected if self.branch_was_made else None)

    def restore_results(self) -> None:
        """Make results.tsv again where it is gone."""
        if not self.place.results.exists():
            self._rebuild_results()

    def _rebuild_results(self) -> None:
        self._results.rebuild(self.history, self.state.tabled())


def _storable(value: object) -> object:
    """What an idea asked for, as JSON can hold it."""
    whole = isinstance(value, (bool, int, str)) or (isinstance(value, float) and isfinite(value))
    return value if whole else str(value)
