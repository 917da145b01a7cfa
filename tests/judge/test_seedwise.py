"""The judge asks seed by seed, drops early, keeps late."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from nightlab.judge.seeds import search_seeds
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


def judge(keep: str = "any", **settings: Any) -> SeedwiseJudge:
    return SeedwiseJudge(POLICY, JudgeSettings(keep=keep, **settings))  # type: ignore[arg-type]


NOISY = {1: 1.0, 2: 1.2, 3: 0.9}
CALM = {1: 1.0, 2: 1.02, 3: 0.99}
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
    verdict = judge("evidence").decide(history(NOISY, trial(1, {1: 1.5})))
    assert verdict is not None
    assert (verdict.decision, verdict.rule) == (Decision.DISCARD, "improvement")
    assert "dropped after 1 seed" in verdict.reason


def test_with_any_the_whole_panel_is_met_before_an_improvement_is_judged() -> None:
    bad_start = {1: 1.3, 2: 1.3, 3: 0.1}
    for seeds in ((), (1,), (1, 2)):
        seen = history(NOISY, trial(1, {seed: bad_start[seed] for seed in seeds}))
        assert judge().decide(seen) is None
        assert judge().wanted(seen) == [Wanted(1, len(seeds) + 1, Purpose.PANEL)]
    verdict = judge().decide(history(NOISY, trial(1, bad_start)))
    assert verdict is not None and verdict.decision is Decision.KEEP


@pytest.mark.parametrize("keep", ["any", "evidence"])
def test_what_is_the_incumbent_on_every_common_seed_is_no_better(keep: str) -> None:
    """Values of the opponent on other seeds are luck, and no loss or gain of the trial."""
    base = NOISY | {4: 0.1, 5: 5.0}
    for values in (NOISY, {seed: NOISY[seed] for seed in (1, 2, 3)} | {9: 0.2}):
        verdict = judge(keep, most_seeds=3).decide(history(base, trial(1, values)))
        assert verdict is not None and verdict.decision is Decision.DISCARD
        assert verdict.reason.startswith("m is no better")
        assert verdict.evidence["gain"] == 0.0


def test_a_whole_panel_keeps_by_any_improvement() -> None:
    verdict = judge().decide(history(NOISY, trial(1, {1: 0.99, 2: 1.19, 3: 0.89})))
    assert verdict is not None
    assert verdict.decision is Decision.KEEP
    assert verdict.evidence["gain"] == pytest.approx(0.01)


def test_evidence_asks_for_more_than_the_noise() -> None:
    faint = history(NOISY, trial(1, {1: 0.9, 2: 1.19, 3: 0.85}))
    assert judge("evidence").decide(faint) is None, "neither clearly better nor clearly not"
    assert judge("evidence", panel="fixed").decide(faint) is not None, "there are no more seeds"
    clear = history(CALM, trial(1, {1: 0.2, 2: 0.3, 3: 0.1}))
    verdict = judge("evidence").decide(clear)
    assert verdict is not None and verdict.decision is Decision.KEEP
    assert verdict.evidence["statistic"] > verdict.evidence["boundary"] > 2.5


def test_a_deterministic_experiment_pays_one_run() -> None:
    verdict = judge("evidence").decide(history(EXACT, trial(1, {1: 0.999999})))
    assert verdict is not None
    assert (verdict.decision, verdict.rule) == (Decision.KEEP, "improvement")
    same = judge("evidence").decide(history(EXACT, trial(1, {1: 1.0})))
    assert same is not None and same.decision is Decision.DISCARD


def test_a_panel_of_one_seed_is_extended_or_told_to_show_nothing() -> None:
    first = judge("evidence").wanted(history({1: 1.0}, seeds=(1,)))
    assert [(w.trial, w.purpose) for w in first] == [(0, Purpose.BASELINE)]
    seen = history({1: 1.0}, trial(1, {1: 0.1}), seeds=(1,))
    assert judge("evidence").decide(seen) is None, "the baseline has to show its noise first"
    verdict = judge("evidence", panel="fixed").decide(seen)
    assert verdict is not None and verdict.rule == "evidence"
    assert verdict.evidence["boundary"] is None
    assert verdict.reason == "one seed shows no noise to compare a gain with"


@pytest.mark.parametrize(
    "outcome", [o for o in Outcome if o not in (Outcome.OK, Outcome.INTERRUPTED, Outcome.ABORTED)]
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
    lost = judge().decide(history(NOISY, trial(1, {1: 3.0, 2: 3.0, 3: 3.0}, lines=-4)))
    assert lost is not None and lost.decision is Decision.DISCARD


# -- in doubt ------------------------------------------------------------------------------------


def test_a_trial_in_doubt_meets_further_seeds_and_the_incumbent_with_it() -> None:
    doubtful = history(NOISY, trial(1, {1: 0.9, 2: 1.19, 3: 0.85}))
    first, second = judge("evidence").wanted(doubtful)
    assert (first.trial, first.purpose) == (0, Purpose.REPLICATE)
    assert (second.trial, second.purpose) == (1, Purpose.PANEL)
    assert first.seed == second.seed not in (1, 2, 3)


def test_two_trials_in_doubt_ask_for_one_run_of_the_incumbent() -> None:
    first, second = (trial(n, {1: 0.9, 2: 1.19, 3: 0.85}) for n in (1, 2))
    wanted = judge("evidence").wanted(history(NOISY, first, second))
    assert [w.trial for w in wanted] == [0, 1, 2]
    assert len({w.seed for w in wanted}) == 1


def test_what_stays_in_doubt_is_a_near_miss() -> None:
    seeds = list(islice(search_seeds((1, 2, 3)), 16))
    base = {seed: 1.0 + 0.3 * (-1) ** at for at, seed in enumerate(seeds)}
    faint = {
        seed: value - 0.16 + 0.25 * (at % 3 - 1) for at, (seed, value) in enumerate(base.items())
    }
    verdict = judge("evidence").decide(history(base, trial(1, faint), seeds=(1, 2, 3)))
    assert verdict is not None and (verdict.decision, verdict.rule) == (
        Decision.DISCARD,
        "evidence",
    )
    assert "standard errors where" in verdict.reason and "dropped" not in verdict.reason


def test_investigating_is_capped_by_its_share_of_the_runs() -> None:
    sparing = judge("evidence", investigate=0.01)
    many = trial(1, {1: 0.9, 2: 1.19, 3: 0.85, 4: 1.0, 5: 1.1, 6: 1.0, 7: 0.9})
    base = {seed: 1.0 + 0.1 * (seed % 3) for seed in range(1, 8)}
    verdict = sparing.decide(history(base, many, seeds=(1, 2, 3)))
    assert verdict is not None and "dropped after 7 seeds" in verdict.reason


def test_what_can_no_longer_reach_what_is_required_meets_no_further_seeds() -> None:
    demanding = SeedwiseJudge(
        parse_policy("PRIMARY: minimize m\nREQUIRE: m improves by >= 0.9 absolute"),
        JudgeSettings(),
    )
    verdict = demanding.decide(history(CALM, trial(1, {1: 0.95})))
    assert verdict is not None and verdict.decision is Decision.DISCARD
    assert demanding.decide(history(CALM, trial(1, {1: 0.05}))) is None


def test_what_breaks_a_guardrail_on_the_whole_panel_meets_no_further_seeds() -> None:
    values = {1: 0.9, 2: 1.19, 3: 0.85}
    heavy = [
        Run(at, 1, seed, Purpose.PANEL, "", 0.0, Outcome.OK, {"m": m, "w": 5.0})
        for at, (seed, m) in enumerate(values.items())
    ]
    verdict = judge("evidence").decide(history(NOISY, Trial(1, "c1", runs=tuple(heavy))))
    assert verdict is not None and verdict.rule == "guardrail"


def test_one_lucky_run_carries_no_keep() -> None:
    lucky = trial(1, {1: -40.0, 2: 1.21, 3: 0.91})
    verdict = judge("evidence", panel="fixed").decide(history(CALM, lucky))
    assert verdict is not None and verdict.decision is Decision.DISCARD


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_scale_of_a_metric_decides_nothing(scale: float) -> None:
    values = {1: 0.2 * scale, 2: 0.3 * scale, 3: 0.1 * scale}
    calm = {seed: value * scale for seed, value in CALM.items()}
    verdict = judge("evidence").decide(history(calm, trial(1, values)))
    assert verdict is not None and verdict.decision is Decision.KEEP
    worse = judge("evidence").decide(history(calm, trial(1, {1: 1.5 * scale})))
    assert worse is not None and worse.decision is Decision.DISCARD


# -- the incumbent is measured again -------------------------------------------------------------


def kept(values: dict[int, float], *more: Run, number: int = 1) -> Trial:
    made = trial(number, values, 0, *more)
    return replace(made, verdict=Verdict(number, Decision.KEEP, "improvement", "", {"against": 0}))


def again(trial: int, seed: int, m: float | None, outcome: Outcome | None = Outcome.OK) -> Run:
    return replace(run(trial, seed, m, outcome), purpose=Purpose.REPLICATE)


def going_on(best: Trial, *others: Trial, closing: bool = False, validated: int = 0) -> History:
    seen = history(CALM, best, *others)
    return replace(seen, incumbent=best, kept=(best.number,), closing=closing, validated=validated)


BETTER = {1: 0.2, 2: 0.3, 3: 0.1}


def test_what_was_kept_is_measured_again_on_seeds_that_had_no_part_in_it() -> None:
    wanted = judge("evidence").wanted(going_on(kept(BETTER)))
    assert {w.purpose for w in wanted} == {Purpose.REPLICATE}
    assert not {w.seed for w in wanted} & {1, 2, 3}
    assert judge("evidence", panel="fixed").wanted(going_on(kept(BETTER))) == []
    assert judge("any").wanted(going_on(kept(BETTER))) == []


def test_later_trials_must_beat_those_values() -> None:
    values = {21: 0.6, 22: 0.7, 23: 0.65, 24: 0.62, 25: 0.68}
    best = kept(BETTER, *(again(1, seed, m) for seed, m in values.items()))
    better = trial(2, {seed: m - 0.2 for seed, m in values.items()})
    verdict = judge("evidence").decide(going_on(best, better))
    assert verdict is not None and verdict.decision is Decision.KEEP
    assert set(verdict.evidence["differences"]) == {"21", "22", "23", "24", "25"}
    assert better.mean("m") > best.values("m")[3], "worse than some that the other was kept by"


def test_an_incumbent_that_fails_on_another_seed_gives_way() -> None:
    failed = kept(BETTER, again(1, 21, None, Outcome.CRASH))
    verdict = judge("evidence").decide(going_on(failed))
    assert verdict is not None and (verdict.trial, verdict.decision) == (1, Decision.DISCARD)
    assert verdict.rule == "crash" and verdict.evidence["to"] == 0


def test_a_baseline_that_fails_on_a_further_seed_gives_way_to_nobody() -> None:
    base = trial(0, CALM, 0, again(0, 21, None, Outcome.CRASH))
    seen = replace(history(CALM, trial(1, {})), baseline=base, incumbent=base)
    assert judge("evidence").decide(seen) is None
    assert judge("evidence").wanted(seen) == [Wanted(1, 1, Purpose.PANEL)]


def test_a_validation_in_flight_is_no_run_to_compare_with() -> None:
    longer = replace(again(1, 99, None, None), purpose=Purpose.VALIDATE)
    fresh = [again(1, seed, 0.3) for seed in (21, 22)]
    beyond = next(islice(search_seeds((1, 2, 3)), 3, None))
    base = trial(0, CALM, 0, again(0, beyond, 1.0))
    seen = going_on(kept(BETTER, *fresh, longer), trial(2, {}))
    seen = replace(seen, baseline=base, pairing=0.0)
    (wanted,) = judge("evidence", validate="off").wanted(seen)
    assert wanted.seed in (21, 22)


# -- before the report ---------------------------------------------------------------------------


def test_before_the_report_best_and_baseline_meet_seeds_that_nobody_has_used() -> None:
    seen = going_on(kept(BETTER, again(1, 21, 0.4), again(1, 22, 0.4)), closing=True)
    wanted = judge("evidence", confirm=2).wanted(seen)
    assert [w.trial for w in wanted] == [1, 0, 1, 0]
    assert {w.purpose for w in wanted} == {Purpose.CONFIRM}
    assert len({w.seed for w in wanted}) == 2
    assert not {w.seed for w in wanted} & set(islice(search_seeds((1, 2, 3)), 1000))
    assert judge("evidence", confirm=2).closing_runs(seen) == 4
    assert judge("evidence", confirm=0).wanted(seen) == []
    nothing_kept = replace(history(CALM), closing=True)
    assert judge("evidence").wanted(nothing_kept) == []


def test_a_runner_up_that_was_not_proven_meets_the_same_seeds() -> None:
    best = kept(BETTER, again(1, 21, 0.4), again(1, 22, 0.4))
    close = replace(
        trial(2, {21: 0.3, 22: 0.1, 1: 0.1}),
        verdict=Verdict(2, Decision.DISCARD, "evidence", "", {"against": 1}),
    )
    behind = replace(close, number=3, runs=trial(3, {21: 0.9}).runs)
    seen = replace(going_on(best, close, behind, closing=True), trials=[best, close, behind])
    wanted = judge("evidence", confirm=2).wanted(seen)
    assert [w.trial for w in wanted] == [1, 0, 2, 1, 0, 2]
    assert judge("evidence", confirm=2).closing_runs(seen) == 6


def test_a_deterministic_experiment_has_nothing_to_confirm() -> None:
    best = kept({1: 0.5})
    seen = replace(history(EXACT, best), incumbent=best, kept=(1,), closing=True)
    assert judge("evidence").wanted(seen) == []
    assert judge("evidence").closing_runs(seen) == 0


def test_confirming_runs_decide_nothing() -> None:
    lucky = replace(again(1, 99, -100.0), purpose=Purpose.CONFIRM)
    assert kept(BETTER, lucky).values("m") == BETTER


def test_what_is_in_doubt_is_settled_before_the_report() -> None:
    doubtful = history(NOISY, trial(1, {1: 0.9, 2: 1.19, 3: 0.85}))
    verdict = judge("evidence").decide(replace(doubtful, closing=True))
    assert verdict is not None and (verdict.decision, verdict.rule) == (
        Decision.DISCARD,
        "evidence",
    )


@pytest.mark.parametrize("wild", [1e155, 1e300, 1.7e308])
@pytest.mark.parametrize("keep", ["any", "evidence"])
def test_values_whose_squares_have_no_number_end_no_campaign(keep: str, wild: float) -> None:
    worse = judge(keep).decide(history(NOISY, trial(1, {1: wild, 2: -wild / 3, 3: wild / 2})))
    assert worse is not None and worse.decision is Decision.DISCARD
    lucky = judge("evidence").decide(history(NOISY, trial(1, {1: 0.1, 2: -wild, 3: -wild / 3})))
    assert lucky is None or lucky.decision is Decision.DISCARD, "of its noise nothing is known"
    settled = replace(trial(1, {1: wild, 2: -wild}), verdict=worse)
    clear = trial(2, {1: 0.2, 2: 0.3, 3: 0.1})
    verdict = judge(keep).decide(history(CALM, settled, clear))
    assert verdict is not None and verdict.decision is Decision.KEEP, "what others did is no matter"
