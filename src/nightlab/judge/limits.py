"""Bounds and guardrails applied to measured values: what a trial may not do, however good it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import hypot, inf, sqrt
from statistics import stdev

from nightlab.judge.rules import SPREAD, Finding, exceeds, matching, metrics_of
from nightlab.program.policy import Bound, Guardrail, Policy
from nightlab.types import History, Trial, measured_here


def broken_rules(policy: Policy, history: History, trial: Trial) -> list[Finding]:
    """Bounds and guardrails that the trial breaks, vetoes first."""
    broken = (
        next((finding for finding in each if not finding.passed), None)
        for each in _by_rule(policy, history, trial)
    )
    return [finding for finding in broken if finding]


def findings(policy: Policy, history: History, trial: Trial) -> list[Finding]:
    """What every bound and guardrail says of every metric that it names."""
    return [finding for each in _by_rule(policy, history, trial) for finding in each]


def _by_rule(policy: Policy, history: History, trial: Trial) -> Iterator[Iterator[Finding]]:
    yield from (_bound(policy, rule, history, trial) for rule in policy.bounds)
    yield from (_guardrail(policy, rule, history, trial) for rule in policy.guardrails)


def _named(policy: Policy, pattern: str, *trials: Trial) -> list[str]:
    """Metrics of these trials that a pattern names; the name itself where it is no pattern."""
    if not set("*?[") & set(pattern):
        return [pattern]
    return matching(policy, pattern, set().union(*(metrics_of(trial) for trial in trials)))


def _bound(policy: Policy, rule: Bound, history: History, trial: Trial) -> Iterator[Finding]:
    if rule.pattern.endswith(SPREAD):
        yield _steady(rule, trial)
        return
    side = -1 if rule.side == ">=" else 1
    for name in _named(policy, rule.pattern, history.baseline, trial):
        values = measured_here(trial.values(name))
        if not values:
            yield Finding("veto", False, f"{name} was not measured; {rule}")
            continue
        value = sum(values.values()) / len(values)
        gap = side * (value - rule.value)
        broken = exceeds(gap, 0.0, value, rule.value)
        said = f"{name} is {value:.6g}; {rule}" if broken else str(rule)
        error = _error([side * each for each in values.values()])
        yield Finding("veto", not broken, said, gap, error, tuple(values))


def _steady(rule: Bound, trial: Trial) -> Finding:
    """The bound on a standard deviation over seeds; one value has none, and breaks no rule."""
    by_seed = trial.values(rule.pattern.removesuffix(SPREAD))
    values = list(by_seed.values())
    if len(values) < 2:
        return Finding("veto", True, str(rule))
    spread = stdev(values)
    gap = rule.value - spread if rule.side == ">=" else spread - rule.value
    broken = exceeds(gap, 0.0, rule.value, *values)
    error = spread / sqrt(2 * (len(values) - 1))  # of a standard deviation, where noise is normal
    said = f"{rule.pattern} is {spread:.6g}; {rule}"
    return Finding("veto", not broken, said, gap, error, tuple(by_seed))


def _guardrail(
    policy: Policy, rule: Guardrail, history: History, trial: Trial
) -> Iterator[Finding]:
    side = 1 if rule.direction == "increase" else -1
    for name in _named(policy, rule.pattern, history.baseline, trial):
        ours, theirs = trial.values(name), history.baseline.values(name)
        if not ours or not theirs:
            yield Finding("guardrail", False, f"{name} was not measured; {rule}")
            continue
        seeds = [seed for seed in ours if seed in theirs]
        here = [ours[seed] for seed in seeds] or list(ours.values())
        there = [theirs[seed] for seed in seeds] or list(theirs.values())
        reference = sum(there) / len(there)
        move = sum(here) / len(here) - reference
        worse, allowed = side * move, rule.amount.of(reference)
        broken = exceeds(worse, allowed, reference, reference + move)
        said = (
            f"{name} {rule.direction}d by {worse:.4f} > allowed {allowed:.4f} (over the baseline)"
        )
        said = said if broken else str(rule)
        share = allowed / reference if rule.amount.percent and reference else 0.0
        pairs = [side * (a - b) - share * b for a, b in zip(here, there, strict=False)]
        error = _error(pairs) if seeds else inf
        yield Finding("guardrail", not broken, said, worse - allowed, error, tuple(seeds))


def _error(values: Sequence[float]) -> float:
    """The standard error of their mean."""
    count = len(values)
    if count < 2:
        return inf
    mean = sum(values) / count
    return hypot(*(value - mean for value in values)) / sqrt(count * (count - 1))
