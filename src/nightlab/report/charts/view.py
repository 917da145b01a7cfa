"""What the charts show of a campaign, computed once for all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

from nightlab import __version__
from nightlab.report.charts.best import frontier
from nightlab.types import Decision, History, Trial, one_line


@dataclass(frozen=True)
class View:
    """A campaign as charts see it: settled trials, and the value and gain of each that has one.

    `values` are the estimates of History, `gains` what is gained over the baseline, both by trial
    number (0 is the baseline) and finite. A crash has neither.
    """

    history: History
    title: str
    settled: Sequence[Trial]
    values: Mapping[int, float]
    gains: Mapping[int, float]

    @classmethod
    def of(cls, history: History, title: str = "") -> View:
        """Look at a campaign."""
        settled = [trial for trial in history.trials if trial.verdict is not None]
        values, gains, anchor = {}, {}, history.estimate(history.baseline)
        for trial in (history.baseline, *settled):
            value, gain = _measured(history, trial, anchor)
            if value is not None and math.isfinite(value):
                values[trial.number] = value
            if gain is not None and math.isfinite(gain):
                gains[trial.number] = gain
        return cls(history, one_line(title) or "Campaign", settled, values, gains)

    @property
    def sign(self) -> int:
        """+1 where a larger value is better, -1 where a smaller one is."""
        return self.history.direction.sign

    @property
    def metric(self) -> str:
        """The metric's name, fit to be shown."""
        return one_line(self.history.metric, 60)

    @property
    def axis(self) -> str:
        """What stands along an axis of values."""
        return f"{self.metric} ({'higher' if self.sign > 0 else 'lower'} is better)"

    @property
    def baseline(self) -> float | None:
        """The baseline's value, None before it is measured."""
        return self.values.get(0)

    @cached_property
    def frontier(self) -> list[tuple[int, float]]:
        """The baseline and each new best, as (trial, value)."""
        return [point for point in frontier(self.history, self.settled) if point[0] in self.values]

    @cached_property
    def by_verdict(self) -> Mapping[Decision, Sequence[Trial]]:
        """The settled trials with each verdict, in order."""
        found: dict[Decision, list[Trial]] = {kind: [] for kind in Decision}
        for trial in self.settled:
            if trial.verdict:
                found[trial.verdict.decision].append(trial)
        return found

    @cached_property
    def mark(self) -> str:
        """Identity of all that a chart of this view can show, written into its files."""
        history, ends = self.history, (self.history.baseline, self.history.incumbent)
        hashed = blake2b(digest_size=16)
        facts = (__version__, self.title, history.metric, history.direction, ends[1].number)
        hashed.update(repr((facts, [dict(t.parameters) for t in ends])).encode())
        hashed.update(repr((self.values, self.gains)).encode())
        for t in self.settled:
            said = (t.number, t.commit, t.summary, len(t.runs), decision(t), t.moved, t.parameters)
            hashed.update(repr(said).encode())
        return f"view {hashed.hexdigest()}"

    def count(self, kind: Decision) -> int:
        """How many trials ended in this verdict."""
        return len(self.by_verdict[kind])


def _measured(
    history: History, trial: Trial, anchor: float | None
) -> tuple[float | None, float | None]:
    """A trial's estimate and its gain over the baseline, whose value is the anchor."""
    if decision(trial) is Decision.CRASH:
        return None, None
    gain = history.gain(trial, history.baseline)
    if gain is None or anchor is None:
        return history.estimate(trial), None
    # what History.estimate says, without pairing ten thousand trials a second time
    return anchor + history.direction.sign * gain, gain


def decision(trial: Trial) -> Decision | None:
    """The verdict on a trial, None before there is one."""
    return trial.verdict.decision if trial.verdict else None
