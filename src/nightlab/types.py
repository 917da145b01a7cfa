"""What flows through the house: ideas, changes, runs, trials, verdicts, history. All frozen."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

Value: TypeAlias = bool | int | float | str
"""One value of a parameter."""

Parameters = Mapping[str, Value]
Metrics = Mapping[str, float]
Curve: TypeAlias = tuple[tuple[float, float], ...]


def one_line(text: str, width: int = 200) -> str:
    """Text from elsewhere, fit to be shown: one line, no control characters, not too long."""
    plain = " ".join(re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text).split())
    plain = "".join(sign for sign in plain if sign.isprintable())
    return plain if len(plain) <= width else plain[: width - 1] + "…"


class NightlabError(Exception):
    """Something the user can mend. The message is one line that says what and how."""


class Direction(str, Enum):
    """Which way the primary metric is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"

    @property
    def sign(self) -> int:
        """+1 where a larger value is better, -1 where a smaller one is."""
        return 1 if self is Direction.MAXIMIZE else -1


class Purpose(str, Enum):
    """Why a run was made.

    `panel` runs decide about a trial, `replicate` runs measure it again once it was kept: later
    trials must beat those. `confirm` and `validate` runs decide nothing about other trials: the
    first are what the report quotes, the second spend a longer budget.
    """

    BASELINE = "baseline"
    PANEL = "panel"
    REPLICATE = "replicate"
    CONFIRM = "confirm"
    VALIDATE = "validate"
    IMPORTED = "imported"


COMPARED = frozenset({Purpose.BASELINE, Purpose.PANEL, Purpose.REPLICATE, Purpose.IMPORTED})
"""Runs of one budget and one data set, whose values compare with each other."""


IMPORTED_SEED = -1
"""The seed of a value that another tool measured: one of its own, so that it pairs with its like.

Where values of real seeds can be had, they count and these don't.
"""


def measured_here(by_seed: Mapping[int, float]) -> dict[int, float]:
    """Without what was imported, where there is anything else."""
    return {s: v for s, v in by_seed.items() if s != IMPORTED_SEED} or dict(by_seed)


class Outcome(str, Enum):
    """How a run ended. Only `ok` carries a metric that may decide anything.

    `aborted` is a run that was stopped because it was hopeless: no failure of its own.
    """

    OK = "ok"
    CRASH = "crash"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    NO_METRIC = "no_metric"
    NOT_FINITE = "not_finite"
    HARNESS_CHANGED = "harness_changed"
    INTERRUPTED = "interrupted"
    ABORTED = "aborted"


class Decision(str, Enum):
    """What a verdict says of its trial."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"


@dataclass(frozen=True)
class Idea:
    """What a proposer wants tried, before a surface has turned it into files.

    `parameters` holds only the values that move; `files` the whole new texts of edited files
    (None deletes one). Either may be empty, not both, but where `unusable` says why it is no edit:
    an answer that could not be read, say. `wish` is the number of the queued idea that it carries
    out, 0 for none; `hold` names parameters that it must leave as they are.
    """

    summary: str
    hypothesis: str = ""
    emitter: str = ""
    parameters: Parameters = field(default_factory=dict)
    files: Mapping[str, str | None] = field(default_factory=dict)
    unusable: str = ""
    wish: int = 0
    hold: tuple[str, ...] = ()


@dataclass(frozen=True)
class Usage:
    """What it cost to ask a model or an agent. `usd` is None where its price is not known.

    Of several calls together, `unpriced` are those whose price is not in `usd`.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    calls: int = 1
    seconds: float = 0.0
    unpriced: int = 0

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.input_tokens + self.output_tokens

    @property
    def likely_usd(self) -> float | None:
        """With calls without a price taken for average ones; None where none has a price."""
        priced = self.calls - self.unpriced
        return self.usd * self.calls / priced if self.usd is not None and priced else None

    def __add__(self, other: Usage) -> Usage:
        known = [usd for usd in (self.usd, other.usd) if usd is not None]
        unpriced = sum(u.unpriced or (u.calls if u.usd is None else 0) for u in (self, other))
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            sum(known) if known else None,
            self.calls + other.calls,
            self.seconds + other.seconds,
            unpriced,
        )


@dataclass(frozen=True)
class Wish:
    """An idea that a human has queued: a hypothesis in words, or what is to be tried itself.

    `parameters` are values to try; `edits` old and new texts of files by path, None where there is
    no file, to be applied to the incumbent three-way. Without either, a writer has to make an edit
    of the words. `hold` names parameters that must stay as they are meanwhile.
    """

    number: int
    text: str
    hypothesis: str = ""
    emitter: str = "human"
    parameters: Parameters = field(default_factory=dict)
    hold: tuple[str, ...] = ()
    edits: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    at: float = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether it says what to try, so that nobody has to write it."""
        return bool(self.parameters or self.edits)


@dataclass(frozen=True)
class Change:
    """One idea as an edit of the study's files.

    `files` maps paths (relative to the study) to new contents, None for a deletion. `lines` is
    net lines added, comments and layout aside. `state` identifies the normalised contents after
    the change, `fingerprint` the normalised diff. `parameters` are all values of the space after
    the change.
    """

    idea: Idea
    files: Mapping[str, bytes | None]
    parameters: Parameters
    diff: str
    lines: int
    state: str
    fingerprint: str


@dataclass(frozen=True)
class Job:
    """One run to be executed: what a runner needs, and nothing it could misuse.

    `export(folder)` lays the trial's files into an empty folder, `harness(folder)` the pristine
    ones of the baseline. `code` is equal for two jobs whose files differ only in parameter values.
    `parameters` is the whole mapping of the `keys` file, for `call` experiments. `protected` maps
    each file outside the surface to the blake2b digest of its contents. `times` is how many times
    the usual budget the run may spend.
    """

    run: int
    trial: int
    seed: int
    purpose: Purpose
    export: Callable[[Path], None]
    harness: Callable[[Path], None]
    code: str
    parameters: Mapping[str, Any]
    protected: Mapping[str, str]
    log: Path
    artifacts: Path
    times: float = 1.0


@dataclass(frozen=True)
class Command:
    """A program that is to be started confined, and what it may see.

    It may write in `folder` and in `private`, its home and /tmp, and read what is `readable`. It
    finds the usual variables, those that `environment` names, and `variables`. `home` are files to
    be laid into its home folder, by path relative to it; with them the home is a throwaway one even
    where there is no sandbox.
    """

    argv: Sequence[str]
    folder: Path
    private: Path
    readable: Sequence[Path] = ()
    network: bool = False
    environment: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    home: Mapping[str, bytes] | None = None


@dataclass(frozen=True)
class Exit:
    """How a confined program ended: its status, negative for a signal, and wall time in seconds.

    `why` is "" where it ended by itself, else `timeout`, `cancelled`, or the limit it was beyond.
    """

    code: int
    why: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Wanted:
    """A run that the judge asks for. Trial 0 is the baseline."""

    trial: int
    seed: int
    purpose: Purpose


@dataclass(frozen=True)
class Measurement:
    """What came out of one run. `metrics` are finite numbers; `seconds` is wall time.

    `self_reported` holds what an untrusted half printed about itself; it never decides. `curve` is
    its progress: a few points of (fraction of the budget, value).
    """

    run: int
    outcome: Outcome
    metrics: Metrics = field(default_factory=dict)
    self_reported: Metrics = field(default_factory=dict)
    seconds: float = 0.0
    detail: str = ""
    curve: Curve = ()


@dataclass(frozen=True)
class Progress:
    """Where a run in flight stands: `fraction` of its budget done (0 to 1), or None if unknown."""

    run: int
    fraction: float | None
    values: Metrics = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One execution of the experiment. `outcome` is None while it is in flight."""

    number: int
    trial: int
    seed: int
    purpose: Purpose
    log: str
    started: float
    outcome: Outcome | None = None
    metrics: Metrics = field(default_factory=dict)
    self_reported: Metrics = field(default_factory=dict)
    seconds: float = 0.0
    detail: str = ""
    curve: Curve = ()


@dataclass(frozen=True)
class Verdict:
    """What was decided about a trial, by which rule, on what evidence."""

    trial: int
    decision: Decision
    rule: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Attempt:
    """An earlier form of a trial that failed, and was mended. `why` says what was done about it."""

    commit: str
    diff: str
    why: str
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One change, tried. Trial 0 is the baseline.

    `commit` is the one that was measured until a keep rewrites its message; `parent` the incumbent
    it was built from. `lines` is net lines added (negative: the study became shorter). `edited`
    says whether more was edited than the values of parameters. `attempts` are earlier forms of it;
    their runs are none of its `runs`. `wish` is the queued idea that it carries out, 0 for none.
    """

    number: int
    commit: str
    parent: str = ""
    summary: str = "baseline"
    hypothesis: str = ""
    emitter: str = ""
    parameters: Parameters = field(default_factory=dict)
    moved: Parameters = field(default_factory=dict)
    diff: str = ""
    lines: int = 0
    state: str = ""
    fingerprint: str = ""
    edited: bool = False
    opened: float = 0.0
    settled: float = 0.0
    runs: tuple[Run, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    wish: int = 0
    verdict: Verdict | None = None

    @property
    def in_flight(self) -> tuple[Run, ...]:
        """Runs that have started and not ended."""
        return tuple(run for run in self.runs if run.outcome is None)

    @property
    def failed(self) -> Run | None:
        """The first run that ended badly through its own doing, if any."""
        harmless = (None, Outcome.OK, Outcome.INTERRUPTED, Outcome.ABORTED)
        return next((run for run in self.runs if run.outcome not in harmless), None)

    @property
    def aborted(self) -> Run | None:
        """The first run that was stopped because it was hopeless, if any."""
        return next((run for run in self.runs if run.outcome is Outcome.ABORTED), None)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that its diff touches."""
        heads = (line for line in self.diff.splitlines() if line.startswith(("+++ b/", "--- a/")))
        return tuple(dict.fromkeys(line[6:] for line in heads))

    @property
    def imported(self) -> bool:
        """Whether another tool tried it, and decided."""
        return any(run.purpose is Purpose.IMPORTED for run in self.runs)

    def values(self, metric: str, purposes: Collection[Purpose] = COMPARED) -> dict[int, float]:
        """The metric by seed, averaged where a seed was run more than once."""
        found: dict[int, list[float]] = {}
        for run in self.runs:
            if run.purpose in purposes and run.outcome is Outcome.OK and metric in run.metrics:
                found.setdefault(run.seed, []).append(run.metrics[metric])
        return {seed: sum(values) / len(values) for seed, values in found.items()}

    def mean(self, metric: str) -> float | None:
        """The plain mean over seeds, None where the metric was never measured."""
        values = measured_here(self.values(metric)).values()
        return sum(values) / len(values) if values else None


@dataclass(frozen=True)
class History:
    """A campaign at one instant, as proposers and the judge see it.

    `pairing` is the share of the noise that a seed brings to all trials alike, 0 to 1: what two
    runs of one seed have in common. `kept` are the numbers of the incumbents so far, but for those
    that were demoted, and `validated` the last of them that stood a validation. `closing` says
    that no trial will be opened any more, and the report is next. `holdout` says that confirming
    runs are scored on data of their own.
    """

    metric: str
    direction: Direction
    seeds: tuple[int, ...]
    baseline: Trial
    incumbent: Trial
    trials: Sequence[Trial]
    open: tuple[Trial, ...] = ()
    pairing: float = 1.0
    kept: tuple[int, ...] = ()
    validated: int = 0
    closing: bool = False
    holdout: bool = False

    def trial(self, number: int) -> Trial:
        """A trial by number, 0 for the baseline."""
        return self.trials[number - 1] if number else self.baseline

    def lineage(self) -> tuple[Trial, ...]:
        """The trials whose changes are in the incumbent, the oldest first.

        With parallel runs a kept trial may have been built beside another one, and not on it; the
        one that was beaten is then not among the incumbent's ancestors.
        """
        made: dict[str, Trial] = {}
        below: dict[int, Trial] = {}
        for trial in self.trials:  # a commit may be there twice, in an imported table
            below[trial.number] = made.get(trial.parent, self.baseline)
            if trial.verdict and trial.verdict.decision is Decision.KEEP:
                made[trial.commit] = trial
        line, trial = [], self.incumbent
        while trial.number:
            line.append(trial)
            trial = below[trial.number]
        return tuple(reversed(line))

    def differences(self, trial: Trial, reference: Trial, metric: str = "") -> dict[int, float]:
        """`trial` minus `reference` by common seed, in the metric's own unit."""
        metric = metric or self.metric
        ours, theirs = trial.values(metric), reference.values(metric)
        return measured_here({s: ours[s] - theirs[s] for s in ours if s in theirs})

    def estimate(self, trial: Trial, metric: str = "") -> float | None:
        """The metric on the baseline's seeds: its mean there plus the difference to the baseline.

        Values of trials that were dropped after one seed stay comparable with full panels.
        """
        metric = metric or self.metric
        anchor = self.anchor(metric)
        found = self._difference(trial, self.baseline, metric)
        return trial.mean(metric) if anchor is None or found is None else anchor + found

    def anchor(self, metric: str = "") -> float | None:
        """The baseline's mean over the panel, which stays when further seeds are measured."""
        metric = metric or self.metric
        panel = self.baseline.values(metric, (Purpose.BASELINE,)).values()
        return sum(panel) / len(panel) if panel else self.baseline.mean(metric)

    def gain(self, trial: Trial, reference: Trial) -> float | None:
        """How much better `trial` is estimated to be than `reference` (positive: better)."""
        found = self._difference(trial, reference, self.metric)
        return None if found is None else self.direction.sign * found

    def _difference(self, trial: Trial, reference: Trial, metric: str) -> float | None:
        ours, theirs = trial.values(metric), reference.values(metric)
        here, there = measured_here(ours), measured_here(theirs)
        if IMPORTED_SEED in {*here, *there}:  # of one of them only another tool's value is known
            found = mean_difference(ours, theirs, 1.0)
        else:
            found = mean_difference(here, there, self.pairing)
        return found[0] if found else None


def mean_difference(
    ours: Mapping[int, float], theirs: Mapping[int, float], pairing: float
) -> tuple[float, float] | None:
    """The estimate of a difference of means from values by seed, and its variance.

    Generalised least squares for `value = mean + seed's effect + rest`, where `pairing` is the
    share of the seeds' effect in the variance of one value; the variance is in units of that. With
    a pairing of 1 only common seeds count, with 0 it is the plain difference of the means. None
    where nothing can be said. Source: Searle, Casella & McCulloch, Variance Components, 1992.
    """
    both = ours.keys() & theirs.keys()
    if pairing >= 1.0:
        if not both:
            return None
        pairs = [ours[seed] - theirs[seed] for seed in ours if seed in both]
        return sum(pairs) / len(pairs), 0.0
    if not ours or not theirs:
        return None
    own, cross = 1 / (1 - pairing**2), -pairing / (1 - pairing**2)
    a = own * len(both) + len(ours) - len(both)
    b = own * len(both) + len(theirs) - len(both)
    c = cross * len(both)
    u = sum(own * v + cross * theirs[s] if s in both else v for s, v in ours.items())
    w = sum(own * v + cross * ours[s] if s in both else v for s, v in theirs.items())
    scale = a * b - c * c
    return ((b * u - c * w) - (a * w - c * u)) / scale, (a + b + 2 * c) / scale
