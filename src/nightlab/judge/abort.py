"""Early abort: runs that are stopped because nothing good can come of them.

Hard rules look at one run alone: values that are no numbers, divergence, an end after the time
limit. The soft rule compares its curve with the incumbent's at the same fraction of the budget, and
knows from finished runs of the campaign what a lag there has meant in the end. One in ten of those
that it finds hopeless is spared, so that it can be told how often the rule was wrong.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from nightlab.judge.curves import POINTS, Ended, lag, part, predict, thinned
from nightlab.judge.hard import Report, diverges, not_a_number, overruns
from nightlab.judge.settings import JudgeSettings
from nightlab.program.policy import Policy
from nightlab.types import (
    COMPARED,
    Curve,
    Decision,
    History,
    Measurement,
    Outcome,
    Progress,
    Purpose,
    Run,
    Trial,
    Verdict,
)

EARLIEST = 0.2
"""Nothing is called hopeless before this fraction of its budget."""

SPARED = 10
"""One in so many hopeless runs goes on."""

_POOLED = 200
_MOST_REPORTS = 1000


@dataclass(frozen=True)
class Doom:
    """A run that ought to be stopped, at this fraction of its budget, with this outcome.

    `predicted` is how much worse than its incumbent's the soft rule expects it to end, in the
    metric's unit; None where a hard rule speaks. A `spared` one goes on.
    """

    run: int
    trial: int
    outcome: Outcome
    reason: str
    fraction: float = 0.0
    predicted: float | None = None
    spared: bool = False


def is_spared(tag: str, run: int) -> bool:
    """Whether this run of a campaign may go on though it is hopeless: one in ten, fixed."""
    drawn = blake2b(f"{tag}:{run}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn, "big") % SPARED == 0


@dataclass
class _Flight:
    reports: list[Report] = field(default_factory=list)
    news: bool = False
    looked: int = 0
    spared: bool = False
    stopped: bool = False

    @property
    def curve(self) -> Curve:
        return thinned((report.fraction, report.value) for report in self.reports)


class Watch:
    """Hears the progress of runs, and says which to stop. It remembers nothing of ended runs.

    `schedule` are the parameters that change what a curve looks like on its way to the same end.
    """

    def __init__(
        self,
        policy: Policy,
        settings: JudgeSettings,
        schedule: frozenset[str] = frozenset(),
        time_limit: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy = policy
        self.settings = settings
        self.schedule = schedule
        self.time_limit = time_limit
        self.clock = clock
        self.name = ""
        self._flights: dict[int, _Flight] = {}
        self._known: dict[int, tuple[Trial, int, list[tuple[int, Ended]]]] = {}

    def hear(self, progress: Progress) -> None:
        """Take in where a run stands; the same again is no news."""
        if not self.name:
            names = (self.policy.metric, self.settings.abort_by)
            self.name = next((name for name in names if name in progress.values), "")
        if progress.fraction is None or self.name not in progress.values:
            return
        flight = self._flights.setdefault(progress.run, _Flight())
        value, last = progress.values[self.name], flight.reports[-1:]
        if last and (progress.fraction, repr(value)) == (last[0].fraction, repr(last[0].value)):
            return
        flight.reports.append(Report(self.clock(), progress.fraction, value))
        flight.news = True
        if len(flight.reports) > _MOST_REPORTS:
            flight.reports[: -_MOST_REPORTS // 2] = flight.reports[: -_MOST_REPORTS // 2 : 2]

    def ended(self, measurement: Measurement) -> Measurement:
        """The measurement with the curve of its run, where it told one."""
        flight = self._flights.pop(measurement.run, None)
        if flight is None or measurement.outcome is Outcome.INTERRUPTED:
            return measurement
        return replace(measurement, curve=flight.curve)

    def weigh(self, tag: str, history: History) -> list[Doom]:
        """What to stop now, and what is hopeless but spared."""
        fresh = {run: flight for run, flight in self._flights.items() if flight.news}
        for told in fresh.values():
            told.news = False
        if not fresh or self.settings.abort == "off":
            return []
        found = []
        trials = {t.number: t for t in (history.baseline, history.incumbent, *history.open)}
        for trial in trials.values():
            for run in trial.in_flight:
                flight = fresh.get(run.number)
                if flight is None or flight.stopped:
                    continue
                doom = self._doom(tag, history, trial, run, flight)
                if doom:
                    flight.spared, flight.stopped = doom.spared, not doom.spared
                    found.append(doom)
        return found

    def _doom(
        self, tag: str, history: History, trial: Trial, run: Run, flight: _Flight
    ) -> Doom | None:
        at = flight.reports[-1].fraction
        hard = self._broken(run, flight)
        if hard:
            return Doom(run.number, trial.number, *hard, at)
        parent = _parent(history, trial)
        if parent is None or trial.verdict is not None or run.purpose is not Purpose.PANEL:
            return None
        values = [self._oriented(report.value) for report in flight.reports]
        references = [self._smaller_is_better(each.curve) for each in parent.runs if each.curve]
        if any(diverges(values, reference) for reference in references):
            reason = f"at {at:.0%} of its budget {self.name} is {flight.reports[-1].value:.6g}"
            reason += f", far above the {flight.reports[0].value:.6g} of its beginning"
            return Doom(run.number, trial.number, Outcome.ABORTED, reason, at)
        return self._hopeless(tag, history, trial, parent, run, flight)

    def _broken(self, run: Run, flight: _Flight) -> tuple[Outcome, str] | None:
        """The hard rule that a run breaks by itself."""
        last = flight.reports[-1]
        if not_a_number([report.value for report in flight.reports]):
            return Outcome.NOT_FINITE, f"{self.name} is {last.value} at {last.fraction:.0%}"
        longer = self.settings.validate_ if run.purpose is Purpose.VALIDATE else None
        limit = self.time_limit * (longer.times if longer else 1.0)
        seconds = overruns(flight.reports, limit)
        if seconds is not None:
            said = f"stopped at {last.fraction:.0%}: it would take about {seconds:.0f} s"
            return Outcome.TIMEOUT, f"{said} where {limit:g} are allowed (run.timeout)"
        return None

    def _hopeless(
        self,
        tag: str,
        history: History,
        trial: Trial,
        parent: Trial,
        run: Run,
        flight: _Flight,
    ) -> Doom | None:
        """The soft rule, asked once for each part of the budget that is behind the run."""
        behind = part(flight.reports[-1].fraction)
        if behind <= flight.looked or flight.spared or not self._comparable(trial):
            return None
        flight.looked = behind
        at = behind / POINTS
        reference = _reference(parent, run.seed)
        if at < EARLIEST or reference is None:
            return None
        curve = self._smaller_is_better(flight.curve)
        theirs = self._smaller_is_better(reference.curve)
        groups = self._learned(history, parent)
        mine = groups[self._known[parent.number][1], run.seed]
        goal = self._ended(history, reference).value
        seen = predict(groups.values(), mine, curve, goal, at)
        if seen is None or not self._lost(history, trial, parent, run, seen.at_best):
            return None
        gap = lag(curve, theirs, at) or 0.0
        metric = history.metric
        reason = (
            f"at {at:.0%} of its budget {self.name} is {gap:.4g} worse than the incumbent's;"
            f" {metric} would end about {seen.expected:.4g} worse, {seen.at_best:.4g} at best"
        )
        spared = is_spared(tag, run.number)
        ended = Outcome.ABORTED
        return Doom(run.number, trial.number, ended, reason, at, seen.expected, spared)

    def _lost(
        self, history: History, trial: Trial, parent: Trial, run: Run, at_best: float
    ) -> bool:
        """Whether the trial is lost even if this run ends at its best, with its other seeds."""
        pairs = history.differences(trial, parent)
        worse = [-history.direction.sign * pairs[seed] for seed in pairs if seed != run.seed]
        allowed = 0.0
        if trial.lines < 0 and self.policy.prefer:
            allowed = self.policy.prefer.within.of(parent.mean(history.metric) or 0.0)
        return sum(worse) + at_best > allowed * (len(worse) + 1)

    def _comparable(self, trial: Trial) -> bool:
        """Whether its curve may be laid beside that of the trial it was built from."""
        return not trial.edited and not self.schedule & trial.moved.keys()

    def _learned(self, history: History, parent: Trial) -> dict[tuple[int, int], list[Ended]]:
        """The finished runs of the last settled trials, in groups that compare.

        The key of a group is the trial that made its runs another kind, and the seed.
        """
        settled = [t for t in history.trials[-_POOLED:] if t.verdict is not None]
        known, self._known = self._known, {}
        groups: dict[tuple[int, int], list[Ended]] = {}
        for trial in {t.number: t for t in (history.baseline, parent, *settled)}.values():
            before = known.get(trial.number)
            told = before if before and before[0] is trial else (trial, *self._told(history, trial))
            self._known[trial.number] = told
            for seed, ended in told[2]:
                groups.setdefault((told[1], seed), []).append(ended)
        return groups

    def _told(self, history: History, trial: Trial) -> tuple[int, list[tuple[int, Ended]]]:
        """The trial with whose runs this one's compare, and its finished runs by seed."""
        runs = [(run.seed, self._ended(history, run)) for run in trial.runs if _is_whole(run)]
        root = trial
        while root.number and self._comparable(root):
            parent = _parent(history, root)
            if parent is None:
                break
            if parent.number in self._known:
                return self._known[parent.number][1], runs
            root = parent
        return root.number, runs

    def _ended(self, history: History, run: Run) -> Ended:
        value = -history.direction.sign * run.metrics[history.metric]
        return Ended(self._smaller_is_better(run.curve), value)

    def _oriented(self, value: float) -> float:
        higher = self.name == self.policy.metric and self.policy.direction.sign > 0
        return -value if higher else value

    def _smaller_is_better(self, curve: Curve) -> Curve:
        return tuple((fraction, self._oriented(value)) for fraction, value in curve)


def _parent(history: History, trial: Trial) -> Trial | None:
    """The trial that another was built from, None for the baseline."""
    if trial.number == 0:
        return None
    if trial.parent == history.baseline.commit:
        return history.baseline
    before = (t for t in reversed(history.trials) if t.number < trial.number)
    return next((t for t in before if t.commit == trial.parent), None)


def _is_whole(run: Run) -> bool:
    return run.outcome is Outcome.OK and run.purpose in COMPARED and bool(run.curve)


def _reference(parent: Trial, seed: int) -> Run | None:
    """The parent's run on a seed, with its curve."""
    return next((run for run in parent.runs if run.seed == seed and _is_whole(run)), None)


def _gain(history: History, run: Run, reference: Run) -> float:
    """How much better a run ended than another; both have ended well."""
    return history.direction.sign * (
        run.metrics[history.metric] - reference.metrics[history.metric]
    )


def aborted(trial: Trial) -> Verdict:
    """The verdict on a trial with a run that was stopped as hopeless."""
    run = trial.aborted
    assert run is not None
    return Verdict(trial.number, Decision.DISCARD, "abort", run.detail, {"run": run.number})


def false_aborts(history: History, spared: Iterable[int]) -> tuple[int, int]:
    """How many of the spared runs have ended, and how many of those were no worse after all.

    No worse than the incumbent's on the same seed, or of a trial that was kept. `spared` are the
    numbers of runs that were found hopeless and went on.
    """
    numbers, ended, wrong = set(spared), 0, 0
    for trial in history.trials if numbers else ():
        for run in trial.runs:
            if run.number not in numbers or run.outcome in (None, Outcome.INTERRUPTED):
                continue
            ended += 1
            parent = _parent(history, trial)
            reference = _reference(parent, run.seed) if parent else None
            fine = run.outcome is Outcome.OK and reference is not None
            kept = trial.verdict is not None and trial.verdict.decision is Decision.KEEP
            wrong += kept or (fine and _gain(history, run, reference) >= 0)  # type: ignore[arg-type]
    return ended, wrong
