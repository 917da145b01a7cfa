"""A budget in seconds that was not kept, and a wall time that disturbs nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nightlab.judge.budget import overspent, trained
from nightlab.judge.limits import broken_rules
from nightlab.judge.noise import measure_noise
from nightlab.judge.rules import check_policy
from nightlab.judge.seedwise import SeedwiseJudge
from nightlab.judge.settings import JudgeSettings
from nightlab.program.policy import parse_policy
from nightlab.types import (
    Decision,
    Direction,
    History,
    NightlabError,
    Outcome,
    Purpose,
    Run,
    Trial,
    Verdict,
)

POLICY = parse_policy("PRIMARY: minimize m")
BASE, BETTER = {1: 1.0, 2: 1.2, 3: 0.9}, {1: 0.2, 2: 0.3, 3: 0.1}


def trial(number: int, values: dict[int, float], *seconds: float | None) -> Trial:
    """A run for each seed, with what each took; the last one again where there are fewer."""
    runs = []
    for at, (seed, m) in enumerate(values.items()):
        took = seconds[min(at, len(seconds) - 1)] if seconds else None
        metrics = {"m": m} if took is None else {"m": m, "train_seconds": took}
        runs.append(Run(seed, number, seed, Purpose.PANEL, "", 0.0, Outcome.OK, metrics))
    return Trial(number, f"c{number}", runs=tuple(runs))


def history(base: Trial, *trials: Trial) -> History:
    opened = tuple(t for t in trials if t.verdict is None)
    return History("m", Direction.MINIMIZE, (1, 2, 3), base, base, list(trials), opened)


def decided(seen: History, budget: float | None, **settings: Any) -> Verdict:
    verdict = SeedwiseJudge(POLICY, JudgeSettings(**settings), budget).decide(seen)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize("settings", [{}, {"panel": "fixed"}, {"keep": "any"}], ids=str)
def test_a_budget_that_is_not_kept_is_a_discard(settings: dict[str, Any]) -> None:
    seen = history(trial(0, BASE, 305.0), trial(1, BETTER, 411.0, 412.4, 580.0))
    verdict = decided(seen, 300.0, **settings)
    assert (verdict.decision, verdict.rule) == (Decision.DISCARD, "budget")
    assert verdict.reason.startswith(
        "train took 412 s where the baseline took 305 s: the budget of 300 s was not kept"
    )
    for other in (seen, history(trial(0, BASE, 305.0), trial(1, BETTER, 350.0))):
        budget = None if other is seen else 300.0
        assert decided(other, budget, **settings).decision is Decision.KEEP


@pytest.mark.parametrize(("took", "kept"), [(305 + 45 + 5 + 0.5, True), (355.6, False)])
def test_a_part_of_it_and_some_seconds_are_allowed(took: float, kept: bool) -> None:
    seen = history(trial(0, BASE, 305.0), trial(1, BETTER, took))
    assert (decided(seen, 300.0).decision is Decision.KEEP) == kept


def test_one_slow_run_among_three_is_the_machines() -> None:
    seen = history(trial(0, BASE, 305.0), trial(1, BETTER, 305.0, 900.0, 306.0))
    assert decided(seen, 300.0).decision is Decision.KEEP


def test_short_budgets_leave_room_for_a_start() -> None:
    assert overspent(history(trial(0, BASE, 1.0)), trial(1, BETTER, 1.7), 1.0) is None
    assert overspent(history(trial(0, BASE, 1.0)), trial(1, BETTER, 1.8), 1.0) is not None


def serving(made: Trial, seconds: float) -> Trial:
    """The same trial, whose candidate answered for so long."""
    runs = [replace(r, metrics={**r.metrics, "serve_seconds": seconds}) for r in made.runs]
    return replace(made, runs=tuple(runs))


@pytest.mark.parametrize(("seconds", "kept"), [(4.0 + 45 + 1, True), (50.1, False)])
def test_training_is_not_moved_into_serve(seconds: float, kept: bool) -> None:
    base = serving(trial(0, BASE, 305.0), 2.0)
    found = overspent(history(base), serving(trial(1, BETTER, 305.0), seconds), 300.0)
    assert (found is None) == kept
    if found:
        assert found.reason.startswith("serve took 50.1 s where the baseline took 2 s")


def test_campaigns_of_an_older_version_have_no_such_time() -> None:
    for base, ours in ((None, 999.0), (305.0, None), (None, None)):
        seen = history(trial(0, BASE, base), trial(1, BETTER, ours))
        assert decided(seen, 300.0).decision is Decision.KEEP


def test_longer_runs_of_a_validation_are_left_out() -> None:
    longer = Run(9, 1, 9, Purpose.VALIDATE, "", 0, Outcome.OK, {"m": 1.0, "train_seconds": 900.0})
    made = trial(1, BETTER, 305.0)
    assert trained(replace(made, runs=(*made.runs, longer))) == 305.0


# -- a wall time disturbs nothing ----------------------------------------------------------------


def test_a_wall_time_makes_no_noise() -> None:
    """It never repeats, and what it was measured beside may well."""
    exact = dict.fromkeys((1, 2, 3), 1.0)
    seen = history(trial(0, exact, 300.1, 300.7, 299.2), trial(1, {1: 0.5}, 301.9))
    assert measure_noise(seen).deterministic
    assert decided(seen, None).decision is Decision.KEEP


def test_a_pattern_means_no_wall_time() -> None:
    policy = parse_policy("PRIMARY: minimize m\nGUARDRAILS:\n- train* must not increase by > 0")
    with pytest.raises(NightlabError, match="names no metric"):
        check_policy(policy, history(trial(0, BASE, 300.0)))
    every = parse_policy("PRIMARY: minimize m\nGUARDRAILS:\n- * must not increase by > 0")
    seen = history(trial(0, BASE, 300.0), trial(1, BETTER, 301.0))
    check_policy(every, seen)
    assert broken_rules(every, seen, seen.trials[0]) == []


def test_a_rule_may_name_it() -> None:
    policy = parse_policy(
        "PRIMARY: minimize m\nGUARDRAILS:\n- train_seconds must not increase by > 10%\n"
        "- train_seconds.sd must stay <= 60"
    )
    seen = history(trial(0, BASE, 300.0), trial(1, BETTER, 331.0))
    check_policy(policy, seen)
    (broken,) = broken_rules(policy, seen, seen.trials[0])
    assert broken.rule == "guardrail" and "train_seconds" in broken.reason
