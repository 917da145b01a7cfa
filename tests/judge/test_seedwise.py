"""The judge asks seed by seed, drops early, keeps late."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nightlab.judge.noise import measure_noise
from nightlab.judge.seedwise import SeedwiseJudge
from nightlab.judge.settings import JudgeSettings
from nightlab.program.policy import parse_policy
from nightlab.types import (
    Decision,
    Direction,
    History,
    Outcome,
    Purpose,
    Run,
    Trial,
    Verdict,
    Wanted,
)

POLICY = parse_policy(
    "PRIMARY: minimize m\nGUARDRAILS:\n- w must not increase by > 1\n"
    "PREFER: fewer lines when m is within 0.5"
)


def run(trial: int, seed: int, m: float | None, outcome: Outcome | None = Outcome.OK) -> Run:
    metrics = {} if m is None else {"m": m, "w": 1.0}
    return Run(100 * trial + seed, trial, seed, Purpose.PANEL, "", 0.0, outcome, metrics)


def trial(number: int, values: dict[int, float], lines: int = 0, *more: Run) -> Trial:
    runs = tuple(run(number, seed, value) for seed, value in values.items())
    return Trial(number, f"c{number}", runs=(*runs, *more), lines=lines)


def history(baseline: dict[int, float], *trials: Trial, seeds: tuple[int, ...] = (1, 2, 3)):
    base = trial(0, baseline)
    opened = tuple(t for t in trials if t.verdict is None)
    return History("m", Direction.MINIMIZE, seeds, base, base, list(trials), opened)


def judge(keep: str = "any") -> SeedwiseJudge:
    return SeedwiseJudge(POLICY, JudgeSettings(keep=keep))  # type: ignore[arg-type]


NOISY = {1: 1.0, 2: 1.2, 3: 0.9}
EXACT = {1: 1.0, 2: 1.0, 3: 1.0}


def test_the_baseline_is_wanted_first_on_every_seed() -> None:
    wanted = judge().wanted(history({}))
    assert wanted == [Wanted(0, seed, Purpose.BASELINE) for seed in (1, 2, 3)]


def test_nothing_else_is_wanted_while_the_baseline_is_in_flight() -> None:
    flying = trial(0, {1: 1.0, 2: 1.2}, 0, run(0, 3, None, None))
    seen = History("m", Direction.MINIMIZE, (1, 2, 3), flying, flying, [], (trial(1, {}),))
    assert judge().wanted(seen) == []
    assert judge().decide(seen) is None


def test_an_interrupted_run_is_wanted_again() -> None:
    halted = trial(1, {}, 0, run(1, 1, None, Outcome.INTERRUPTED))
    assert judge().wanted(history(NOISY, halted)) == [Wanted(1, 1, Purpose.PANEL)]


def test_a_trial_is_asked_for_one_seed_after_another() -> None:
    assert judge().wanted(history(NOISY, trial(1, {}))) == [Wanted(1, 1, Purpose.PANEL)]
    better = trial(1, {1: 0.5})
    assert judge().decide(history(NOISY, better)) is None
    assert judge().wanted(history(NOISY, better)) == [Wanted(1, 2, Purpose.PANEL)]


def test_a_worse_first_seed_drops_it_at_once() -> None:
    verdict = judge().decide(history(NOISY, trial(1, {1: 1.1})))
    assert verdict is not None
    assert (verdict.decision, verdict.rule) == (Decision.DISCARD, "improvement")
    assert "after 1 of 3 seeds" in verdict.reason


def test_a_whole_panel_keeps_by_any_improvement() -> None:
    verdict = judge().decide(history(NOISY, trial(1, {1: 0.99, 2: 1.19, 3: 0.89})))
    assert verdict is not None
    assert verdict.decision is Decision.KEEP
    assert verdict.evidence["gain"] == pytest.approx(0.01)


def test_evidence_asks_for_more_than_the_noise() -> None:
    faint = history(NOISY, trial(1, {1: 0.9, 2: 1.19, 3: 0.85}))
    verdict = judge("evidence").decide(faint)
    assert verdict is not None
    assert (verdict.decision, verdict.rule) == (Decision.DISCARD, "evidence")
    clear = history(NOISY, trial(1, {1: 0.2, 2: 0.3, 3: 0.1}))
    verdict = judge("evidence").decide(clear)
    assert verdict is not None and verdict.decision is Decision.KEEP
    assert verdict.evidence["statistic"] > verdict.evidence["boundary"] > 2.9


def test_a_deterministic_experiment_pays_one_run() -> None:
    verdict = judge("evidence").decide(history(EXACT, trial(1, {1: 0.999999})))
    assert verdict is not None
    assert (verdict.decision, verdict.rule) == (Decision.KEEP, "improvement")
    same = judge("evidence").decide(history(EXACT, trial(1, {1: 1.0})))
    assert same is not None and same.decision is Decision.DISCARD


def test_a_panel_of_one_seed_cannot_show_evidence() -> None:
    seen = history({1: 1.0}, trial(1, {1: 0.1}), seeds=(1,))
    verdict = judge("evidence").decide(seen)
    assert verdict is not None and verdict.rule == "evidence"
    assert verdict.evidence["boundary"] is None


@pytest.mark.parametrize(
    "outcome", [o for o in Outcome if o not in (Outcome.OK, Outcome.INTERRUPTED)]
)
def test_every_bad_outcome_is_a_crash_by_its_own_name(outcome: Outcome) -> None:
    verdict = judge().decide(history(NOISY, trial(1, {1: 0.1}, 0, run(1, 2, None, outcome))))
    assert verdict is not None
    assert (verdict.decision, verdict.rule) == (Decision.CRASH, outcome.value)


def test_a_guardrail_outranks_an_improvement() -> None:
    heavy = Run(1, 1, 1, Purpose.PANEL, "", 0.0, Outcome.OK, {"m": 0.1, "w": 5.0})
    seen = history(EXACT, Trial(1, "c1", runs=(heavy,)))
    verdict = judge().decide(seen)
    assert verdict is not None and verdict.rule == "guardrail"


def test_a_simplification_without_loss_is_kept_and_one_with_loss_is_not() -> None:
    kept = judge().decide(history(NOISY, trial(1, {1: 1.1, 2: 1.3, 3: 1.0}, lines=-4)))
    assert kept is not None and (kept.decision, kept.rule) == (Decision.KEEP, "simplicity")
    lost = judge().decide(history(NOISY, trial(1, {1: 3.0}, lines=-4)))
    assert lost is not None and lost.decision is Decision.DISCARD


SEEDS_APART = {1: 1.0, 2: 2.0, 3: 3.0}


def settled(values: dict[int, float]) -> Trial:
    return replace(trial(1, values), verdict=Verdict(1, Decision.KEEP, "improvement", ""))


def test_noise_is_that_of_the_baseline_until_pairs_tell() -> None:
    first = measure_noise(history(SEEDS_APART))
    assert (first.freedom, first.pairs) == (2, 0)
    assert first.sigma == pytest.approx(math.sqrt(2.0))
    taught = measure_noise(history(SEEDS_APART, settled({1: 1.4, 2: 2.5, 3: 3.6})))
    assert (taught.freedom, taught.pairs) == (2, 2)
    assert taught.sigma == pytest.approx(0.1)
    assert measure_noise(history({1: 1.0})).sigma == math.inf


def test_a_gain_that_is_alike_on_every_seed_is_kept_however_far_seeds_lie_apart() -> None:
    """Levels of seeds are no noise where a seed moves all trials alike."""
    verdict = judge("evidence").decide(history(SEEDS_APART, trial(1, {1: 0.9, 2: 1.899, 3: 2.901})))
    assert verdict is not None and verdict.decision is Decision.KEEP
    assert verdict.evidence["noise_from"] == "pairs"


def test_a_first_seed_that_is_better_at_all_goes_on_until_pairs_tell() -> None:
    assert judge("evidence").decide(history(SEEDS_APART, trial(1, {1: 0.99}))) is None
    known = settled({1: 1.4, 2: 2.5, 3: 3.6})
    faint = trial(2, {1: 0.99})
    verdict = judge("evidence").decide(history(SEEDS_APART, known, faint))
    assert verdict is not None and verdict.rule == "evidence"
    assert "where 0.50 are needed, dropped after 1 of 3 seeds" in verdict.reason
