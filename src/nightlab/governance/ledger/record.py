"""One iteration as upstream's readers know it: what moved, what came out, whether it was kept."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from nightlab.governance.ledger.level import levels
from nightlab.judge.limits import broken_rules
from nightlab.program.policy import Policy
from nightlab.types import Decision, History, Outcome, Purpose, Run, Trial, Value, one_line

SECTION = "governance."
"""Before a lever's name, where a parameter is named by its place in the scenario file."""

_OF_POLICY = ("guardrail", "veto")


def record_of(
    history: History, trial: Trial, parent: Trial, policy: Policy, metrics: Iterable[str]
) -> dict[str, Any]:
    """The record of a settled trial that was built on `parent`; a crash has no values.

    Trials may have met different seeds: `candidate_metrics` are on the level of the baseline's
    panel, and `gain` is over trial `against`, on the judge's estimate.
    """
    assert trial.verdict is not None
    verdict, crashed = trial.verdict, trial.verdict.decision is Decision.CRASH
    taken_back = is_demoted(history, trial)
    runs = panel_runs(trial)
    own = {
        "verdict": verdict.decision.value,
        "rule": verdict.rule,
        "reason": one_line(verdict.reason, 300),
        "seeds": [run.seed for run in runs],
        "outcome": _outcome(trial),
        "against": verdict.evidence.get("against"),
        "gain": verdict.evidence.get("gain"),
    }
    values = levels(history, trial, metrics)
    return {
        "iteration": trial.number,
        "mutation": mutation(trial, parent),
        "candidate_metrics": dict.fromkeys(values) if crashed else values,
        "accepted": trial.was_kept,
        "guardrail_errors": _guardrail_errors(history, trial, policy),
        "nightlab": {**own, "demoted": True} if taken_back else own,
    }


def lever(name: str) -> str:
    """A lever's name as the simulator knows it, without the section before it."""
    return name.removeprefix(SECTION)


def mutation(trial: Trial, parent: Trial) -> dict[str, Any]:
    """The first lever that moved, from what to what; others that moved with it under `also`."""
    moves = [
        _move(name, parent.parameters.get(name), value)
        for name, value in trial.moved.items()
        if not _same(parent.parameters.get(name), value)
    ]
    first, *others = moves or [_move("", None, None)]
    return {**first, "also": others} if others else first


def _move(name: str, old: Value | None, new: Value | None) -> dict[str, Any]:
    return {"param": lever(name) or None, "old": old, "new": new}


def _same(old: Value | None, new: Value) -> bool:
    return isinstance(old, bool) is isinstance(new, bool) and old == new


def averages(
    trial: Trial, metrics: Iterable[str], purposes: tuple[Purpose, ...]
) -> dict[str, float | None]:
    """Means over the runs of these purposes; None where one of them lacks the metric."""
    seeds = {run.seed for run in good_runs(trial, purposes)}
    found = {name: trial.values(name, purposes) for name in metrics}
    return {
        name: math.fsum(values.values()) / len(values)
        if values and values.keys() == seeds
        else None
        for name, values in found.items()
    }


def panel_runs(trial: Trial) -> list[Run]:
    """The runs that decided about a trial, and for the baseline those that it was measured by."""
    purpose = Purpose.PANEL if trial.number else Purpose.BASELINE
    unfinished = (None, Outcome.INTERRUPTED)
    return [r for r in trial.runs if r.purpose is purpose and r.outcome not in unfinished]


def good_runs(trial: Trial, purposes: Iterable[Purpose]) -> list[Run]:
    """Those of these purposes that carry metrics."""
    wanted = frozenset(purposes)
    return [run for run in trial.runs if run.purpose in wanted and run.outcome is Outcome.OK]


def is_demoted(history: History, trial: Trial) -> bool:
    """Whether a keep was taken back, by itself or along with one that it was built on."""
    return trial.was_kept and trial.number not in history.kept


def _outcome(trial: Trial) -> str:
    failed = trial.failed or trial.aborted
    return failed.outcome.value if failed and failed.outcome else Outcome.OK.value


def _guardrail_errors(history: History, trial: Trial, policy: Policy) -> list[str]:
    """The rules of the policy that a rejected trial broke on its seeds, whatever decided."""
    verdict = trial.verdict
    if verdict is None or verdict.decision is Decision.CRASH or trial.was_kept:
        return []
    said = [verdict.reason] if verdict.rule in _OF_POLICY else []
    said += [broken.reason for broken in broken_rules(policy, history, trial)]
    by_metric: dict[str, str] = {}
    for plain in map(_upstream, said):
        by_metric.setdefault(plain.partition(" ")[0], plain)
    return list(by_metric.values())


def _upstream(reason: str) -> str:
    """`toxicity_rate increased by 0.0123 > allowed 0.0100`, without what the judge adds."""
    return one_line(reason.partition(" (over the baseline)")[0].partition(", dropped after ")[0])
