"""What a tuning run is to improve: a file in SWARM's objective form, or the policy's sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from nightlab.governance.objective.policy_file import read_policy
from nightlab.judge.rules import SPREAD
from nightlab.program.policy import (
    Amount,
    Bound,
    Guardrail,
    Policy,
    exactly,
)
from nightlab.program.problem import did_you_mean
from nightlab.types import Direction, NightlabError

POOLED = "pooled."
"""Before a metric's name: over all epochs of a run, and not of the last alone."""

ILLUSION = "illusion_delta"
ACCEPTED = "accepted_interactions"
TOXICITY = "toxicity_rate"

_BETTER = {
    TOXICITY: Direction.MINIMIZE,
    "quality_gap": Direction.MAXIMIZE,
    "total_welfare": Direction.MAXIMIZE,
    "avg_payoff": Direction.MAXIMIZE,
    ILLUSION: Direction.MINIMIZE,
}
_WORD = {Direction.MINIMIZE: "lower", Direction.MAXIMIZE: "higher"}


@dataclass(frozen=True)
class Objective:
    """A policy, and the file that it was read from."""

    policy: Policy
    source: Path

    @property
    def metrics(self) -> tuple[str, ...]:
        """The primary metric and those that a rule names outright, each once."""
        rules = (rule.pattern.removesuffix(SPREAD) for rule in _rules(self.policy))
        plain = (name for name in rules if not _is_pattern(name))
        return tuple(dict.fromkeys((self.policy.metric, *plain)))

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each known metric that is pointed the wrong way."""
        return tuple(_warnings(self.policy))

    @property
    def spec(self) -> dict[str, Any]:
        """The objective in SWARM's form, for a ledger: None where a bound is not set."""
        over_incumbent = [r.amount for r in self.policy.requires if r.over == "incumbent"]
        return {
            "primary_metric": self.policy.metric,
            "primary_direction": self.policy.direction.value,
            "min_improvement": _number(over_incumbent[0]) if over_incumbent else 0.0,
            "guardrails": _caps(self.policy.guardrails),
        }


def read_objective(path: Path, score: Literal["last", "pooled"] = "last") -> Objective:
    """Read an objective file. With `pooled`, metrics are meant over all epochs of a run.

    Raises NightlabError where there is no file, ProgramError for its mistakes.
    """
    policy = read_policy(path)
    return Objective(_pooled(policy) if score == "pooled" else policy, path)


def check_metrics(objective: Objective, names: Iterable[str]) -> None:
    """Raise NightlabError where a metric is named that an evaluation doesn't have."""
    known = set(names)
    spreads = {f"{name}{SPREAD}" for name in known}
    policy = objective.policy
    for pattern in (policy.metric, *(rule.pattern for rule in _rules(policy))):
        is_rule = pattern != policy.metric
        if pattern in known or (is_rule and policy.matching(pattern, known | spreads)):
            continue
        where = objective.source.name
        if pattern.removeprefix(POOLED).removesuffix(SPREAD) == ILLUSION:
            raise NightlabError(
                f"{where}: {pattern} is not available in this evaluation: it needs replays"
                " of each run (`--replays N` of a tuning, `replays` in evaluation.yaml);"
                " or name another metric"
            )
        near = did_you_mean(pattern, known)
        told = near if "did you mean" in near else f"; known are {_well_known(known)}"
        raise NightlabError(f"{where}: {pattern} names no metric of an evaluation{told}")


def with_floor(policy: Policy, baseline_accepted: float) -> tuple[Policy, str]:
    """The policy with an activity floor where it wants one, and the sentence; "" where not.

    An economy in which nobody deals has no toxicity, so an objective on that alone is reached by
    stopping trade. `baseline_accepted` is the baseline's mean of `floor_metric`.
    """
    plain = policy.metric.removeprefix(POOLED)
    wants = plain == TOXICITY and policy.direction is Direction.MINIMIZE
    is_active = math.isfinite(baseline_accepted) and baseline_accepted > 0
    if not wants or not is_active or any(_keeps_active(policy, r) for r in _rules(policy)):
        return policy, ""
    half = baseline_accepted / 2
    floor = Bound(floor_metric(policy), ">=", math.floor(100 * half) / 100 or half)
    return replace(policy, bounds=(*policy.bounds, floor)), str(floor)


def floor_metric(policy: Policy) -> str:
    """The metric of the activity floor: pooled where the primary metric is."""
    return f"{POOLED}{ACCEPTED}" if policy.metric.startswith(POOLED) else ACCEPTED


# -- metrics over all epochs ------------------------------------------------------------------


def _pooled(policy: Policy) -> Policy:
    """The policy with every metric over all epochs; `illusion_delta` is never of one epoch."""
    return replace(
        policy,
        metric=_over_all(policy.metric),
        guardrails=tuple(replace(r, pattern=_over_all(r.pattern)) for r in policy.guardrails),
        bounds=tuple(replace(r, pattern=_over_all(r.pattern)) for r in policy.bounds),
    )


def _over_all(name: str) -> str:
    own = name.startswith(POOLED) or name.removesuffix(SPREAD) == ILLUSION
    return name if own else f"{POOLED}{name}"


# -- telling ---------------------------------------------------------------------------------


def _rules(policy: Policy) -> tuple[Bound | Guardrail, ...]:
    return (*policy.bounds, *policy.guardrails)


def _is_pattern(name: str) -> bool:
    return bool(set("*?[") & set(name))


def _is_floor(rule: Bound | Guardrail) -> bool:
    """Whether it keeps a metric from falling, and not from rising."""
    return rule.side == ">=" if isinstance(rule, Bound) else rule.direction == "decrease"


def _keeps_active(policy: Policy, rule: Bound | Guardrail) -> bool:
    dealing = (ACCEPTED, f"{POOLED}{ACCEPTED}")
    return _is_floor(rule) and bool(policy.matching(rule.pattern, dealing))


def _warnings(policy: Policy) -> Iterable[str]:
    better = _BETTER.get(policy.metric.removeprefix(POOLED))
    if better and better is not policy.direction:
        points = f"the objective is to {policy.direction.value} it"
        yield f"{policy.metric} is better when {_WORD[better]}, and {points}"
    for rule in _rules(policy):
        better = _BETTER.get(rule.pattern.removeprefix(POOLED))
        harmless = Direction.MINIMIZE if _is_floor(rule) else Direction.MAXIMIZE
        if better is harmless and not _is_held_both_ways(policy, rule):
            yield f"{rule.pattern} is better when {_WORD[better]}, and `{rule}` only forbids that"


def _is_held_both_ways(policy: Policy, rule: Bound | Guardrail) -> bool:
    """Whether another rule keeps the same metric from moving the other way."""
    same = (each for each in _rules(policy) if each.pattern == rule.pattern)
    return any(_is_floor(each) is not _is_floor(rule) for each in same)


def _well_known(known: set[str]) -> str:
    """The names that matter most, of many."""
    usual = [name for name in (*_BETTER, ACCEPTED, "total_interactions") if name in known]
    return ", ".join(usual or sorted(known)[:12]) or "none"


def _number(amount: Amount) -> float | str:
    return f"{exactly(amount.value)}%" if amount.percent else amount.value


def _caps(guardrails: Iterable[Guardrail]) -> list[dict[str, Any]]:
    """SWARM's guardrails: the caps of one metric together."""
    found: list[dict[str, Any]] = []
    for rule in guardrails:
        key = "max_regression" if rule.direction == "increase" else "max_decrease"
        same = (each for each in found if each["metric"] == rule.pattern and each[key] is None)
        entry: dict[str, Any] | None = next(same, None)
        if entry is None:
            entry = {"metric": rule.pattern, "max_regression": None, "max_decrease": None}
            found.append(entry)
        entry[key] = _number(rule.amount)
    return found
