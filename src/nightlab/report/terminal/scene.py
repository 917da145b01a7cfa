"""What a terminal shows of a campaign, frozen: one thread works on it, another one draws."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from nightlab.judge.noise import NoiseMeter
from nightlab.remember.events import ChangeRefused, Event, IncumbentReviewed, TrialSettled
from nightlab.remember.record import Record
from nightlab.report.charts.best import frontier
from nightlab.report.confirmed import confirmed_short
from nightlab.report.paired import history_of
from nightlab.report.terminal.pace import Limits
from nightlab.report.terminal.plot import Points
from nightlab.types import Decision, History, Run, Trial, Usage

_RECENT, _REFUSED = 40, 3


@dataclass(frozen=True)
class Told:
    """A verdict, or a refusal (`number` 0), as a line shows it."""

    number: int
    kind: str
    value: float | None
    summary: str
    reason: str


@dataclass(frozen=True)
class Scene:
    """A campaign at the instant `at`. `told` has the newest first, `flights` the oldest run."""

    tag: str
    history: History
    limits: Limits
    counts: Mapping[Decision, int]
    refused: int
    runs: int
    opened: int
    flights: tuple[tuple[Trial, Run], ...]
    told: tuple[Told, ...]
    recent: tuple[Trial, ...]
    points: Points
    began: float
    busy: float
    at: float
    running: bool
    since_keep: int
    stopped: str
    spent: Usage
    asking: tuple[int, float] | None
    confirmed: str = ""

    @property
    def settled(self) -> int:
        """How many trials have a verdict."""
        return sum(self.counts.values())


class Stage:
    """Follows a record event by event. Nothing that it does grows with the number of trials."""

    def __init__(self, tag: str, record: Record, limits: Limits, began: float) -> None:
        """`began` is when the session did, in seconds since 1970."""
        self.tag = tag
        self.record = record
        self.limits = limits
        self.began = began
        self.told: deque[Told] = deque(maxlen=_RECENT)
        self.recent: deque[Trial] = deque(maxlen=_RECENT)
        self._meter = NoiseMeter()
        self._points: Points = ()
        self._done = 0
        for number in record.order[-_RECENT:]:
            self._tell(number)

    def take(self, event: Event) -> None:
        """Take in an event that the record has taken in already."""
        if isinstance(event, TrialSettled):
            self._tell(event.trial)
        elif isinstance(event, IncumbentReviewed) and not event.passed:
            summary = self.record.trial(event.trial).summary
            self.told.append(Told(event.trial, "demoted", None, summary, event.reason))
            self._done = 0
        elif isinstance(event, ChangeRefused):
            if len(self.told) >= _REFUSED and not any(
                t.number for t in list(self.told)[-_REFUSED:]
            ):
                del self.told[-_REFUSED]  # a proposer that runs dry leaves the verdicts in sight
            self.told.append(Told(0, "refused", None, event.summary, event.reason))

    def scene(self, now: float, running: bool = True) -> Scene:
        """The campaign as it is now, while a session works on it or not."""
        record, history = self.record, self._history()
        return Scene(
            tag=self.tag,
            history=history,
            limits=self.limits,
            counts=dict(record.decisions),
            refused=record.refused,
            runs=record.runs,
            opened=record.opened,
            flights=self._flights(),
            told=tuple(reversed(self.told)),
            recent=tuple(self.recent),
            points=self._frontier(history),
            began=self.began,
            busy=record.active_seconds(now, running and not record.stopped),
            at=now,
            running=running,
            since_keep=record.since_keep,
            stopped=record.stopped,
            spent=record.spent,
            asking=record.asking,
            confirmed=confirmed_short(history),
        )

    def _history(self) -> History:
        return history_of(self.record, self._meter)

    def _tell(self, number: int) -> None:
        trial = self.record.trial(number)
        if trial.verdict is not None:
            kind, reason = trial.verdict.decision.value, trial.verdict.reason
            value = None if kind == "crash" else self._history().estimate(trial)
            self.told.append(Told(number, kind, value, trial.summary, reason))
            self.recent.append(trial)

    def _flights(self) -> tuple[tuple[Trial, Run], ...]:
        pairs = ((self.record.trial(t), number) for number, t in self.record.run_trial.items())
        return tuple((t, run) for t, number in pairs for run in t.runs if run.number == number)

    def _frontier(self, history: History) -> Points:
        """Goes on from where it was, unless a trial was kept that is older than the last point."""
        kept, done = self.record.kept, self._done
        if not done or any(number < self._points[-1][0] for number in kept[done:]):
            trials = [self.record.trial(number) for number in sorted(kept)]
            self._points = tuple(frontier(history, trials))
        else:
            for number in kept[done:]:
                self._points += self._better(history, number)
        self._done = len(kept)
        return self._points

    def _better(self, history: History, number: int) -> Points:
        """The point of a trial that was kept, if it is better than all before it."""
        last = frontier(history, [self.record.trial(number)])[-1]
        gained = history.direction.sign * (last[1] - self._points[-1][1])
        return (last,) if gained > 0 else ()
