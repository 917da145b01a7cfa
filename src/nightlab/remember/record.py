"""Events folded into trials: what the ledger says, as the state of one campaign."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

from nightlab.remember.events import (
    AbortWeighed,
    CallBegan,
    CampaignBegan,
    ChangeRefused,
    ClaimMade,
    Event,
    IdeaTaken,
    Imported,
    IncumbentReviewed,
    RunEnded,
    RunStarted,
    SessionBegan,
    SessionEnded,
    Spent,
    TrialAmended,
    TrialOpened,
    TrialSettled,
)
from nightlab.remember.ledger import Entry
from nightlab.types import (
    Attempt,
    Decision,
    Direction,
    History,
    Outcome,
    Purpose,
    Refusal,
    Run,
    Trial,
    Usage,
    Verdict,
)

_PURPOSES = {purpose.value: purpose for purpose in Purpose}
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_DECISIONS = {decision.value: decision for decision in Decision}


_REFUSALS = 100
"""So many of the last refusals are remembered."""

ISOLATIONS = ("none", "landlock", "bubblewrap")
"""Sandboxes, the weakest first."""


class Record:
    """The state of a campaign. `apply` is the only way it changes, live or on reading back.

    Trials are frozen; the parts of one are gathered here, and it is made when it is asked for, so
    that reading ten thousand back makes each once.
    """

    def __init__(self) -> None:
        self.began: CampaignBegan | None = None
        self.session: SessionBegan | None = None
        self.isolation = ""
        self.imported: Imported | None = None
        self.imported_trials = 0
        self.began_at = 0.0
        self.last_at = 0.0
        self._trials: list[Trial] = []
        self._baseline = Trial(0, "")
        self._parts: dict[int, _Parts] = {}
        self._stale: dict[int, None] = {}
        self.incumbent = 0
        self.previous_incumbent = 0
        self.open: dict[int, None] = {}
        self.runs = 0
        self.run_seconds = 0.0
        self.run_trial: dict[int, int] = {}
        self.refused = 0
        self.refused_in_a_row = 0
        self.since_keep = 0
        self.refusals: deque[Refusal] = deque(maxlen=_REFUSALS)
        self.claims: dict[tuple[str, str], None] = {}
        self.decisions = dict.fromkeys(Decision, 0)
        self.kept: list[int] = []
        self.standing: list[int] = []
        self.validated = 0
        self.order: list[int] = []
        self.states: dict[str, int] = {}
        self.crashed: dict[str, int] = {}
        self.weighed: list[AbortWeighed] = []
        self.usage: dict[int, Usage] = {}
        self.asking: tuple[int, float] | None = None
        self.stopped = ""
        self.seconds = 0.0
        self._session_from = 0.0
        self._handlers: dict[type[Event], Callable[[Any, float], None]] = {
            CampaignBegan: self._campaign_began,
            SessionBegan: self._session_began,
            SessionEnded: self._session_ended,
            ChangeRefused: self._refused,
            ClaimMade: self._claimed,
            TrialOpened: self._opened,
            TrialAmended: self._amended,
            CallBegan: self._call_began,
            Spent: self._spent,
            IdeaTaken: self._taken,
            RunStarted: self._run_started,
            RunEnded: self._run_ended,
            AbortWeighed: self._abort_weighed,
            TrialSettled: self._settled,
            IncumbentReviewed: self._reviewed,
            Imported: self._imported,
        }

    def read(self, entries: Iterable[Entry]) -> None:
        """Take many events in. Looking for garbage among thousands of fresh records finds none."""
        was_on = gc.isenabled()
        gc.disable()
        try:
            for entry in entries:
                self.apply(entry)
            self._freshen()
        finally:
            if was_on:
                gc.enable()

    def apply(self, entry: Entry) -> None:
        """Take one event in."""
        self.last_at = entry.at
        self._handlers[type(entry.event)](entry.event, entry.at)

    @property
    def direction(self) -> Direction:
        """Of the primary metric."""
        return Direction(self.began.direction) if self.began else Direction.MINIMIZE

    @property
    def trials(self) -> list[Trial]:
        """Every trial but the baseline, by number."""
        self._freshen()
        return self._trials

    @property
    def baseline(self) -> Trial:
        """Trial 0."""
        self._freshen()
        return self._baseline

    def trial(self, number: int) -> Trial:
        """A trial by number, 0 for the baseline. Raises IndexError where there is none."""
        if number == 0:
            return self.baseline
        if not 1 <= number <= len(self.trials):
            raise IndexError(number)
        return self.trials[number - 1]

    @property
    def opened(self) -> int:
        """How many trials have been opened."""
        return len(self._trials)

    def tabled(self) -> list[Trial]:
        """What a results table has: the baseline if it was tried, and trials as they settled."""
        first = self.baseline
        tried = first.failed or (self.began and first.values(self.began.metric))
        return [*([first] if tried else []), *(self.trial(number) for number in self.order)]

    @property
    def runs_here(self) -> int:
        """How many runs were made, those of another tool aside."""
        return self.runs - (self.imported.rows if self.imported else 0)

    @property
    def settled(self) -> int:
        """How many trials have a verdict."""
        return sum(self.decisions.values())

    @property
    def spent(self) -> Usage:
        """What models and agents have cost, those of refused ideas among them."""
        return sum(self.usage.values(), Usage(calls=0))

    def history(self) -> History:
        """The campaign at this instant. It shares the list of trials, which only ever grows."""
        assert self.began is not None
        run = self.began.settings.get("run", {})
        return History(
            metric=self.began.metric,
            direction=self.direction,
            seeds=tuple(self.began.seeds),
            baseline=self.baseline,
            incumbent=self.trial(self.incumbent),
            trials=self.trials,
            open=tuple(self.trial(number) for number in self.open),
            kept=tuple(self.standing),
            validated=self.validated,
            holdout=bool(run.get("holdout") and run.get("evaluate")),
            refusals=tuple(self.refusals),
            claims=tuple(self.claims),
        )

    def active_seconds(self, now: float, running: bool) -> float:
        """Wall time in which the campaign was being worked on."""
        end = now if running else self.last_at
        return self.seconds + (max(0.0, end - self._session_from) if self._session_from else 0.0)

    def _freshen(self) -> None:
        """Make anew the trials of which something has changed."""
        for number in self._stale:
            trial = self._parts[number].made()
            if number == 0:
                self._baseline = trial
            else:
                self._trials[number - 1] = trial
            if trial.verdict is not None and not trial.in_flight:
                del self._parts[number]
        self._stale.clear()

    def _of(self, number: int) -> _Parts:
        """The parts of a trial, about to be added to."""
        self._stale[number] = None
        if number not in self._parts:
            made = self._trials[number - 1] if number else self._baseline
            self._parts[number] = _Parts.of(made)
        return self._parts[number]

    def _campaign_began(self, event: CampaignBegan, at: float) -> None:
        self.began, self.began_at = event, at
        self.isolation = event.isolation
        self._parts[0] = _Parts(
            {
                "number": 0,
                "commit": event.base,
                "parameters": event.parameters,
                "state": event.state,
                "opened": at,
            }
        )
        self._stale[0] = None
        self.states[event.state] = 0

    def _imported(self, event: Imported, at: float) -> None:
        self.imported = event
        self.imported_trials = len(self.order)

    def _session_began(self, event: SessionBegan, at: float) -> None:
        self.session = event
        if self.asking:  # it was killed meanwhile: what that call has cost, nobody knows
            self._add_usage(self.asking[0], Usage())
            self.asking = None
        if event.isolation in ISOLATIONS:  # the weakest of all sessions counts
            known = {self.isolation, event.isolation} & {*ISOLATIONS}
            self.isolation = min(known, key=ISOLATIONS.index)
        self._close_session(self.last_at if self._session_from else at)
        self._session_from = at
        self.stopped = ""
        self.refused_in_a_row = 0

    def _session_ended(self, event: SessionEnded, at: float) -> None:
        self._close_session(at)
        self.stopped = event.why

    def _close_session(self, at: float) -> None:
        if self._session_from:
            self.seconds += max(0.0, at - self._session_from)
        self._session_from = 0.0

    def _refused(self, event: ChangeRefused, at: float) -> None:
        self.refused += 1
        self.refused_in_a_row += 1
        about = (event.summary, event.emitter, event.reason, event.parameters)
        self.refusals.append(Refusal(self.opened, *about))

    def _claimed(self, event: ClaimMade, at: float) -> None:
        self.claims[event.claim, event.source] = None

    def _opened(self, event: TrialOpened, at: float) -> None:
        self.refused_in_a_row = 0
        self.states.setdefault(event.state, event.trial)
        self.open[event.trial] = None
        self._trials.append(_UNMADE)
        self._stale[event.trial] = None
        self._parts[event.trial] = _Parts(
            {
                "number": event.trial,
                "commit": event.commit,
                "parent": event.parent,
                "summary": event.summary,
                "hypothesis": event.hypothesis,
                "emitter": event.emitter,
                "parameters": event.parameters,
                "moved": event.moved,
                "diff": event.diff,
                "lines": event.lines,
                "state": event.state,
                "fingerprint": event.fingerprint,
                "edited": event.edited,
                "opened": at,
                "about": event.about,
                "predicted": event.predicted,
                "why": event.why,
                "asking": self.usage[event.trial].seconds if event.trial in self.usage else 0.0,
            }
        )

    def _amended(self, event: TrialAmended, at: float) -> None:
        parts = self._of(event.trial)
        facts = parts.facts
        self.crashed.setdefault(facts["fingerprint"], event.trial)
        attempt = Attempt(facts["commit"], facts["diff"], event.why, tuple(parts.runs.values()))
        parts.runs = {}
        parts.facts |= {
            "commit": event.commit,
            "parameters": event.parameters,
            "diff": event.diff,
            "lines": event.lines,
            "state": event.state,
            "fingerprint": event.fingerprint,
            "about": event.about,
            "attempts": (*facts.get("attempts", ()), attempt),
        }
        self.states.setdefault(event.state, event.trial)

    def _call_began(self, event: CallBegan, at: float) -> None:
        self.asking = (event.trial, at)

    def _spent(self, event: Spent, at: float) -> None:
        self.asking = None
        usage = Usage(
            event.input_tokens, event.output_tokens, event.usd, event.calls, event.seconds
        )
        self._add_usage(event.trial, usage)

    def _add_usage(self, trial: int, usage: Usage) -> None:
        self.usage[trial] = self.usage.get(trial, Usage(calls=0)) + usage
        if trial <= self.opened:  # else it is written into the trial as that is opened
            self._of(trial).facts["asking"] = self.usage[trial].seconds

    def _taken(self, event: IdeaTaken, at: float) -> None:
        self._of(event.trial).facts["wish"] = event.idea

    def _run_started(self, event: RunStarted, at: float) -> None:
        self.runs = max(self.runs, event.run)
        self.run_trial[event.run] = event.trial
        self._of(event.trial).runs[event.run] = Run(
            event.run, event.trial, event.seed, _PURPOSES[event.purpose], event.log, at
        )

    def _run_ended(self, event: RunEnded, at: float) -> None:
        del self.run_trial[event.run]
        self.run_seconds += event.seconds
        runs = self._of(event.trial).runs
        begun = runs[event.run]
        runs[event.run] = Run(
            number=begun.number,
            trial=begun.trial,
            seed=begun.seed,
            purpose=begun.purpose,
            log=begun.log,
            started=begun.started,
            outcome=_OUTCOMES[event.outcome],
            metrics=event.metrics,
            self_reported=event.self_reported,
            seconds=event.seconds,
            detail=event.detail,
            curve=tuple((fraction, value) for fraction, value in event.curve),
        )

    def _abort_weighed(self, event: AbortWeighed, at: float) -> None:
        self.weighed.append(event)

    def _settled(self, event: TrialSettled, at: float) -> None:
        decision = _DECISIONS[event.decision]
        parts = self._of(event.trial)
        parts.verdict = Verdict(event.trial, decision, event.rule, event.reason, event.evidence)
        parts.facts |= {"commit": event.commit, "settled": at}
        self.open.pop(event.trial, None)
        self.decisions[decision] += 1
        self.order.append(event.trial)
        self.since_keep += 1
        if decision is Decision.KEEP:
            self.since_keep = 0
            self.previous_incumbent, self.incumbent = self.incumbent, event.trial
            self.kept.append(event.trial)
            self.standing.append(event.trial)
        if decision is Decision.CRASH:
            self.crashed.setdefault(parts.facts["fingerprint"], event.trial)

    def _reviewed(self, event: IncumbentReviewed, at: float) -> None:
        if event.passed:
            self.validated = event.trial
            return
        parts = self._of(event.trial)
        evidence = parts.verdict.evidence if parts.verdict else {}  # what it had been kept by
        parts.verdict = Verdict(event.trial, Decision.DISCARD, event.rule, event.reason, evidence)
        self.decisions[Decision.KEEP] -= 1
        self.decisions[Decision.DISCARD] += 1
        self.kept.remove(event.trial)
        there = self.standing.index(event.to) + 1 if event.to in self.standing else 0
        del self.standing[there:]
        if self.validated not in self.standing:
            self.validated = 0
        self.previous_incumbent, self.incumbent = self.incumbent, event.to


_UNMADE = Trial(-1, "")


class _Parts:
    """What a trial is made of while events are still adding to it. `facts` are its fields."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.runs: dict[int, Run] = {}
        self.verdict: Verdict | None = None

    @classmethod
    def of(cls, trial: Trial) -> _Parts:
        """Of a trial that was made before: a settled one may be measured again."""
        parts = cls({item.name: getattr(trial, item.name) for item in fields(trial)})
        parts.runs = {run.number: run for run in parts.facts.pop("runs")}
        parts.verdict = parts.facts.pop("verdict")
        return parts

    def made(self) -> Trial:
        """The trial as it is now."""
        return Trial(**self.facts, runs=tuple(self.runs.values()), verdict=self.verdict)
