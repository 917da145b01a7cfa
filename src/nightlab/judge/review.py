"""The incumbent on the seeds that came after its keep: whether it still meets the policy."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

from nightlab.judge.incumbent import missing_runs
from nightlab.judge.limits import findings
from nightlab.judge.rules import Finding
from nightlab.program.policy import Policy
from nightlab.types import (
    COMPARED,
    Decision,
    History,
    Outcome,
    Purpose,
    Trial,
    Verdict,
    Wanted,
    one_line,
)

_SURE = NormalDist().cdf(1.0)
"""A rule counts as broken, or as held, where luck explains what lies beyond with less than the
rest to one: of one metric, where it is more than one standard error."""


def reviewing_runs(policy: Policy, history: History) -> list[Wanted]:
    """The runs of the baseline that would tell whether the incumbent keeps to its guardrails.

    A guardrail is decided on seeds that both have met. Where it isn't clear that one holds, the
    baseline is wanted on all seeds that the incumbent was measured on.
    """
    trial = history.incumbent
    if not (policy.guardrails and _met_more(trial)):
        return []
    found = findings(policy, history, trial)
    sure = _errors(found)
    unclear = [
        each for each in found if each.rule == "guardrail" and each.beyond > -sure * each.error
    ]
    seeds = list(trial.values(history.metric)) if unclear else []
    return missing_runs(history.baseline, seeds, Purpose.REPLICATE, COMPARED)


def reviewed(policy: Policy, history: History) -> Verdict | None:
    """The verdict that demotes the incumbent, where by now it breaks a rule beyond the noise.

    The last incumbent before it that does not takes its place, the baseline if there is none. A
    trial that was demoted never comes back, so this ends.
    """
    trial = history.incumbent
    if not _met_more(trial) or not (broken := _broken(policy, history, trial)):
        return None
    if not history.closing and (history.baseline.in_flight or reviewing_runs(policy, history)):
        return None
    found = broken[0]
    later = set(trial.values(history.metric, (Purpose.REPLICATE,)))
    since = len(later.intersection(found.seeds))
    said = (
        f"{found.reason}, by more than its standard error of {found.error:.4g},"
        f" on {len(found.seeds)} seeds, {since} of them since it was kept"
    )
    evidence = {
        "seeds": list(found.seeds),
        "beyond": found.beyond,
        "standard_error": found.error,
        "to": _before(policy, history),
    }
    return Verdict(trial.number, Decision.DISCARD, found.rule, one_line(said, 400), evidence)


def _before(policy: Policy, history: History) -> int:
    """The last incumbent before this one that still meets the policy, 0 for the baseline."""
    others = (history.trial(number) for number in reversed(history.kept))
    good = (
        trial.number
        for trial in others
        if trial.number != history.incumbent.number
        and not trial.failed
        and not _broken(policy, history, trial)
    )
    return next(good, 0)


def _met_more(trial: Trial) -> bool:
    """Whether it has met seeds that had no part in its keep."""
    return any(run.purpose is Purpose.REPLICATE and run.outcome is Outcome.OK for run in trial.runs)


def _broken(policy: Policy, history: History, trial: Trial) -> list[Finding]:
    """The rules that it breaks by more than the noise of its own seeds."""
    found = findings(policy, history, trial)
    sure = _errors(found)
    return [each for each in found if not each.passed and each.beyond > sure * each.error]


def _errors(found: Sequence[Finding]) -> float:
    """How many standard errors make sure: of many metrics one is far off by luck more easily.

    Source: Šidák, Rectangular Confidence Regions for the Means of Multivariate Normal
    Distributions, 1967.
    """
    return NormalDist().inv_cdf(_SURE ** (1 / max(1, len(found))))
