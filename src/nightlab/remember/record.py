"""Events folded into trials: what the ledger says, as the state of one campaign."""

from __future__ import annotations

from dataclasses import replace

from nightlab.remember.events import (
    CampaignBegan,
    ChangeRefused,
    Event,
    RunEnded,
    RunStarted,
    SessionBegan,
    SessionEnded,
    TrialOpened,
    TrialSettled,
)
from nightlab.remember.ledger import Entry
from nightlab.types import Decision, Direction, History, Outcome, Purpose, Run, Trial, Verdict


class Record:
    """The state of a campaign. `apply` is the only way it changes, live or on reading back."""

    def __init__(self) -> None:
        self.began: CampaignBegan | None = None
        self.began_at = 0.0
        self.last_at = 0.0
        self.trials: list[Trial] = []
        self.baseline = Trial(0, "")
        self.incumbent = 0
        self.previous_incumbent = 0
        self.open: dict[int, None] = {}
        self.runs = 0
        self.run_seconds = 0.0
        self.run_trial: dict[int, int] = {}
        self.refused = 0
        self.refused_in_a_row = 0
        self.last_refusal: ChangeRefused | None = None
        self.decisions = dict.fromkeys(Decision, 0)
        self.kept: list[int] = []
        self.order: list[int] = []
        self.states: dict[str, int] = {}
        self.crashed: dict[str, int] = {}
        self.stopped = ""
        self.seconds = 0.0
        self._session_from = 0.0

    def apply(self, entry: Entry) -> None:
        """Take one event in."""
        self.last_at = entry.at
        handler = {
            CampaignBegan: self._campaign_began,
            SessionBegan: self._session_began,
            SessionEnded: self._session_ended,
            ChangeRefused: self._refused,
            TrialOpened: self._opened,
            RunStarted: self._run_started,
            RunEnded: self._run_ended,
            TrialSettled: self._settled,
        }[type(entry.event)]
        handler(entry.event, entry.at)  # type: ignore[operator]

    @property
    def direction(self) -> Direction:
        """Of the primary metric."""
        return Direction(self.began.direction) if self.began else Direction.MINIMIZE

    def trial(self, number: int) -> Trial:
        """A trial by number, 0 for the baseline. Raises IndexError where there is none."""
        if number == 0:
            return self.baseline
        if not 1 <= number <= len(self.trials):
            raise IndexError(number)
        return self.trials[number - 1]

    @property
    def settled(self) -> int:
        """How many trials have a verdict."""
        return sum(self.decisions.values())

    def history(self) -> History:
        """The campaign at this instant. It shares the list of trials, which only ever grows."""
        assert self.began is not None
        return History(
            metric=self.began.metric,
            direction=self.direction,
            seeds=tuple(self.began.seeds),
            baseline=self.baseline,
            incumbent=self.trial(self.incumbent),
            trials=self.trials,
            open=tuple(self.trial(number) for number in self.open),
        )

    def active_seconds(self, now: float, running: bool) -> float:
        """Wall time in which the campaign was being worked on."""
        end = now if running else self.last_at
        return self.seconds + (max(0.0, end - self._session_from) if self._session_from else 0.0)

    def _put(self, trial: Trial) -> None:
        if trial.number == 0:
            self.baseline = trial
        else:
            self.trials[trial.number - 1] = trial

    def _campaign_began(self, event: CampaignBegan, at: float) -> None:
        self.began, self.began_at = event, at
        self.baseline = Trial(
            0, event.base, parameters=event.parameters, state=event.state, opened=at
        )
        self.states[event.state] = 0

    def _session_began(self, event: Event, at: float) -> None:
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
        self.last_refusal = event

    def _opened(self, event: TrialOpened, at: float) -> None:
        self.refused_in_a_row = 0
        self.states.setdefault(event.state, event.trial)
        self.open[event.trial] = None
        self.trials.append(
            Trial(
                number=event.trial,
                commit=event.commit,
                parent=event.parent,
                summary=event.summary,
                hypothesis=event.hypothesis,
                emitter=event.emitter,
                parameters=event.parameters,
                moved=event.moved,
                diff=event.diff,
                lines=event.lines,
                state=event.state,
                fingerprint=event.fingerprint,
                opened=at,
            )
        )

    def _run_started(self, event: RunStarted, at: float) -> None:
        self.runs = max(self.runs, event.run)
        self.run_trial[event.run] = event.trial
        run = Run(event.run, event.trial, event.seed, Purpose(event.purpose), event.log, at)
        trial = self.trial(event.trial)
        self._put(replace(trial, runs=(*trial.runs, run)))

    def _run_ended(self, event: RunEnded, at: float) -> None:
        del self.run_trial[event.run]
        self.run_seconds += event.seconds
        trial = self.trial(event.trial)
        runs = (_ended(run, event) if run.number == event.run else run for run in trial.runs)
        self._put(replace(trial, runs=tuple(runs)))

    def _settled(self, event: TrialSettled, at: float) -> None:
        decision = Decision(event.decision)
        verdict = Verdict(event.trial, decision, event.rule, event.reason, event.evidence)
        trial = replace(self.trial(event.trial), verdict=verdict, commit=event.commit, settled=at)
        self._put(trial)
        self.open.pop(event.trial, None)
        self.decisions[decision] += 1
        self.order.append(event.trial)
        if decision is Decision.KEEP:
            self.previous_incumbent, self.incumbent = self.incumbent, event.trial
            self.kept.append(event.trial)
        if decision is Decision.CRASH:
            self.crashed.setdefault(trial.fingerprint, trial.number)


def _ended(run: Run, event: RunEnded) -> Run:
    return replace(
        run,
        outcome=Outcome(event.outcome),
        metrics=event.metrics,
        self_reported=event.self_reported,
        seconds=event.seconds,
        detail=event.detail,
    )
