"""The policy applied to measured values: veto, guardrails, improvement, simplicity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from nightlab.program.policy import Amount, Bound, Guardrail, Policy
from nightlab.types import History, NightlabError, Trial

SPREAD = ".sd"
"""After a metric's name: its standard deviation over seeds."""

TRAINING, SERVING = "train_seconds", "serve_seconds"
"""What Nightlab's own clock says of a run: how long the candidate trained, and answered."""

SEED_IGNORED = "seed"
"""The rule by which a trial is discarded that ignores its seed: its runs tell nothing of noise."""

_ROUNDING = 16 * 2.0**-52


@dataclass(frozen=True)
class Finding:
    """What one rule says of a trial: whether it passes, and the sentence that tells why.

    Of a bound or a guardrail, `beyond` is how far the estimate lies on the wrong side of what is
    allowed, negative where it lies within, and `error` the standard error of that by its own
    seeds: infinite where one seed shows none.
    """

    rule: str
    passed: bool
    reason: str
    beyond: float = -inf
    error: float = inf
    seeds: tuple[int, ...] = ()


def exceeds(amount: float, limit: float, *scale: float) -> bool:
    """Whether `amount` is above `limit` by more than the rounding of values of this scale.

    0.8 - 0.7 does not exceed 0.1.
    """
    noise = _ROUNDING * max((abs(value) for value in scale), default=0.0)
    return amount > limit + noise + 1e-9 * abs(limit)


def reaches(amount: float, limit: float, *scale: float) -> bool:
    """Whether `amount` is at or above `limit`, rounding aside."""
    return not exceeds(limit, amount, *scale, limit, amount)


def metrics_of(trial: Trial) -> set[str]:
    """The names of all that it has measured."""
    return {name for run in trial.runs for name in run.metrics}


def matching(policy: Policy, pattern: str, names: set[str]) -> list[str]:
    """The metrics that a rule is about. A wall time is meant by its own name alone: no `train*`
    that was written of losses may break on a busy machine.
    """
    times = {TRAINING, SERVING} - {pattern.removesuffix(SPREAD)}
    return policy.matching(pattern, names - times - {name + SPREAD for name in times})


def requirements(policy: Policy, history: History, trial: Trial, gain: float) -> Finding:
    """Whether the estimated `gain` is one at all, and as large as every REQUIRE asks."""
    scale = _scale(history, trial)
    if not exceeds(gain, 0.0, *scale):
        worse = exceeds(-gain, 0.0, *scale)
        said = f"worse by {-gain:.6g}" if worse else "no better"
        return Finding("improvement", False, f"{history.metric} is {said}")
    for require in policy.requires:
        reference = history.baseline if require.over == "baseline" else history.incumbent
        over = history.gain(trial, reference) if require.over == "baseline" else gain
        least = required(require.amount, history, trial, reference)
        if over is None or not reaches(over, least, *scale):
            said = f"{history.metric} improves by {over or 0.0:.6g}, and {least:.6g}"
            return Finding("improvement", False, f"{said} over the {require.over} is required")
    return Finding("improvement", True, f"{history.metric} improves by {gain:.6g}")


def required(amount: Amount, history: History, trial: Trial, reference: Trial) -> float:
    """A REQUIRE in the metric's unit. Raises NightlabError for a percentage of zero."""
    pairs = history.differences(trial, reference)
    anchors = reference.values(history.metric)
    common = [anchors[seed] for seed in pairs] or list(anchors.values())
    mean = sum(common) / len(common) if common else 0.0
    if amount.percent and mean == 0.0:
        mend = "write the requirement as an absolute amount"
        raise NightlabError(f"REQUIRE: {amount} of {history.metric} = 0 has no size; {mend}")
    return amount.of(mean)


def simplicity(
    policy: Policy, history: History, trial: Trial, gain: float, error: float
) -> Finding:
    """Fewer lines, and no real loss: the upper bound of the loss lies within what PREFER allows.

    `gain` is the estimate, and `error` how far the true loss may lie above it. Where that alone is
    larger than PREFER's amount, the estimate must not be worse at all.
    """
    prefer = policy.prefer
    if prefer is None or trial.lines >= 0:
        return Finding("simplicity", False, "not a simplification")
    incumbent = history.incumbent.mean(history.metric) or 0.0
    within, scale = prefer.within.of(incumbent), _scale(history, trial)
    loss = -gain
    fits = not exceeds(loss + error, within, *scale)
    lost_in_noise = error > within and not exceeds(loss, 0.0, *scale)
    shorter = f"{-trial.lines} lines shorter"
    if fits or lost_in_noise:
        return Finding("simplicity", True, f"{shorter}, {history.metric} within {within:g}")
    return Finding("simplicity", False, f"{shorter}, but {history.metric} may lose {loss:.6g}")


def _scale(history: History, trial: Trial) -> list[float]:
    values: Iterable[float] = trial.values(history.metric).values()
    return [*values, *history.incumbent.values(history.metric).values()]


def check_policy(policy: Policy, history: History) -> None:
    """Raise NightlabError where a rule names a metric that the baseline doesn't have."""
    measured = metrics_of(history.baseline)
    measured |= {f"{name}{SPREAD}" for name in measured}
    rules: tuple[Bound | Guardrail, ...] = (*policy.bounds, *policy.guardrails)
    for rule in rules:
        if not matching(policy, rule.pattern, measured):
            there = ", ".join(sorted(metrics_of(history.baseline))) or "none"
            raise NightlabError(
                f"policy: `{rule}` names no metric of the baseline; it measured: {there}"
            )
    reference = history.baseline.mean(history.metric)
    for require in policy.requires:
        if require.amount.percent and reference == 0.0:
            raise NightlabError(
                f"policy: REQUIRE {require.amount} of a baseline {history.metric} of 0 has no size;"
                " write the requirement as an absolute amount"
            )
