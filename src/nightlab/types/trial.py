"""One change, tried: its runs, its earlier forms, its verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nightlab.types.words import COMPARED, Curve, Decision, Metrics, Outcome, Parameters, Purpose

IMPORTED_SEED = -1
"""The seed of a value that another tool measured: one of its own, so that it pairs with its like.

Where values of real seeds can be had, they count and these don't.
"""


_RULES = frozenset({"guardrail", "veto"})

_DEMOTED_BY = frozenset({"validation", *(outcome.value for outcome in Outcome)})
"""The rules by which a discard takes back a keep: a longer look, or a failure in another run."""

_OF_KEEPS = frozenset({Purpose.REPLICATE, Purpose.VALIDATE})


def measured_here(by_seed: Mapping[int, float]) -> dict[int, float]:
    """Without what was imported, where there is anything else."""
    return {s: v for s, v in by_seed.items() if s != IMPORTED_SEED} or dict(by_seed)


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
    `about` says how many parts of the diff are about what; `predicted` and `why` are the idea's.
    `asking` is the time that models and agents took for it, in seconds.
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
    about: Mapping[str, int] = field(default_factory=dict)
    predicted: str = ""
    why: str = ""
    asking: float = 0.0
    verdict: Verdict | None = None

    @property
    def in_flight(self) -> tuple[Run, ...]:
        """Runs that have started and not ended."""
        return tuple(run for run in self.runs if run.outcome is None)

    @property
    def failed(self) -> Run | None:
        """The first run that ended badly through its own doing, if any.

        One whose seed was measured later counts for nothing: what it failed by is gone.
        """
        harmless = (None, Outcome.OK, Outcome.INTERRUPTED, Outcome.ABORTED)
        bad = [run for run in self.runs if run.outcome not in harmless]
        good = {(r.seed, r.purpose) for r in self.runs if bad and r.outcome is Outcome.OK}
        return next((run for run in bad if (run.seed, run.purpose) not in good), None)

    @property
    def aborted(self) -> Run | None:
        """The first run that was stopped because it was hopeless, if any."""
        return next((run for run in self.runs if run.outcome is Outcome.ABORTED), None)

    @property
    def broke_a_rule(self) -> bool:
        """Whether it was rejected for a guardrail or a veto, however good it was otherwise."""
        return self.verdict is not None and self.verdict.rule in _RULES

    @property
    def was_kept(self) -> bool:
        """Whether it was kept when it was decided on, though it may have been demoted since."""
        if self.verdict is None:
            return False
        decision, rule = self.verdict.decision, self.verdict.rule
        again = any(run.purpose in _OF_KEEPS for run in self.runs)
        taken_back = decision is Decision.DISCARD and rule in _DEMOTED_BY
        return decision is Decision.KEEP or again or taken_back

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
        wanted = frozenset(purposes)
        known = self._known.get((metric, wanted))
        if known is None:
            known = self._known[metric, wanted] = self._averaged(metric, wanted)
        return known.copy()

    @cached_property
    def _known(self) -> dict[tuple[str, frozenset[Purpose]], dict[int, float]]:
        """What `values` has found: judge, proposer and views ask for the same again and again."""
        return {}

    def _averaged(self, metric: str, purposes: frozenset[Purpose]) -> dict[int, float]:
        found: dict[int, list[float]] = {}
        for run in self.runs:
            if run.purpose in purposes and run.outcome is Outcome.OK and metric in run.metrics:
                found.setdefault(run.seed, []).append(run.metrics[metric])
        return {seed: sum(values) / len(values) for seed, values in found.items()}

    def mean(self, metric: str) -> float | None:
        """The plain mean over seeds, None where the metric was never measured."""
        values = measured_here(self.values(metric)).values()
        return sum(values) / len(values) if values else None
