"""The boundary, the error budget, the seeds, the confirmation and the validation."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlab.judge.boundary import boundary, dropped_below
from nightlab.judge.confirm import confirmation, shrunk
from nightlab.judge.noise import Noise
from nightlab.judge.seeds import reserved_seeds, search_seeds
from nightlab.judge.settings import Validation
from nightlab.judge.validate import is_due, validated, validating_runs
from nightlab.judge.wealth import error_left, next_level
from nightlab.types import Decision, Direction, History, Outcome, Purpose, Run, Trial, Verdict


def trial(number: int, values: dict[int, float], purpose: Purpose = Purpose.PANEL) -> Trial:
    runs = tuple(
        Run(1000 * number + at, number, seed, purpose, "", 0.0, Outcome.OK, {"m": value})
        for at, (seed, value) in enumerate(values.items())
    )
    return Trial(number, f"c{number}", runs=runs)


def judged(number: int, decision: Decision, level: float = 0.0) -> Trial:
    evidence = {"level": level} if level else {}
    return replace(trial(number, {}), verdict=Verdict(number, decision, "", "", evidence))


def history(baseline: Trial, incumbent: Trial, *trials: Trial, maximize: bool = False) -> History:
    direction = Direction.MAXIMIZE if maximize else Direction.MINIMIZE
    return History("m", direction, (7, 11), baseline, incumbent, list(trials))


# -- the boundary --------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_luck_alone_reaches_the_boundary_as_often_as_it_says(alpha: float) -> None:
    height, random, walks = boundary(alpha, 8, 1e9, 3), Random(3), 40_000
    came = kept = 0
    for _ in range(walks):
        total = 0.0
        for look in range(1, 9):
            total += random.gauss(0, 1)
            statistic = total / math.sqrt(look)
            came += look == 3
            if look >= 3 and statistic >= height:
                kept += 1
                break
            if statistic < dropped_below(look):
                break
    assert kept / came == pytest.approx(alpha, rel=0.25)


def test_the_boundary_rises_with_less_error_and_with_less_known_noise() -> None:
    assert boundary(0.01, 8, 100, 3) > boundary(0.05, 8, 100, 3)
    assert boundary(0.01, 8, 3, 3) > boundary(0.01, 8, 100, 3)
    assert boundary(0.01, 8, 0, 3) == math.inf


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-9, 0.9), st.floats(1, 1e6))
def test_the_boundary_is_always_a_number(alpha: float, freedom: float) -> None:
    assert boundary(alpha, 8, freedom, 3) > 0


# -- the error budget ----------------------------------------------------------------------------


def test_what_was_demoted_has_earned_its_credit_all_the_same() -> None:
    """Later tests have spent it; a demotion by a guardrail says nothing of luck in the metric."""
    demoted = judged(2, Decision.DISCARD, 0.05)
    verdict = Verdict(2, Decision.DISCARD, "guardrail", "", {"level": 0.05})
    again = trial(2, {7: 1.0}, Purpose.REPLICATE).runs
    demoted = replace(demoted, verdict=verdict, runs=again)
    base, rest = trial(0, {7: 1.0}), [judged(n, Decision.DISCARD, 0.03) for n in (1, 3)]
    kept = history(base, base, rest[0], judged(2, Decision.KEEP, 0.05), rest[1])
    later = history(base, base, rest[0], demoted, rest[1])
    assert error_left(later, 0.05) == error_left(kept, 0.05)
    plain = history(base, base, rest[0], judged(2, Decision.DISCARD, 0.05), rest[1])
    assert error_left(plain, 0.05) < error_left(kept, 0.05)


def test_tests_spend_the_error_and_keeps_earn_it_back() -> None:
    base = trial(0, {})
    fresh = error_left(history(base, base), 0.05)
    spent = error_left(history(base, base, judged(1, Decision.DISCARD, 0.02)), 0.05)
    assert spent == pytest.approx(fresh - 0.02 / 0.98)
    earned = error_left(history(base, base, judged(1, Decision.KEEP, 0.02)), 0.05)
    assert earned == pytest.approx(fresh + 0.05)
    free = error_left(history(base, base, judged(1, Decision.DISCARD)), 0.05)
    assert free == fresh, "what was dropped at its first look has cost nothing"


def test_a_campaign_never_runs_out_of_it_and_never_spends_more_than_it_has() -> None:
    base, trials = trial(0, {}), []
    start = error_left(history(base, base), 0.05)
    for number in range(1, 300):
        level = next_level(history(base, base, *trials), 0.05)
        assert level > 0
        trials.append(judged(number, Decision.DISCARD, level))
    levels = [t.verdict.evidence["level"] for t in trials if t.verdict]
    assert levels == sorted(levels, reverse=True)
    assert sum(levels) < start


# -- seeds ---------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=6, unique=True))
def test_pools_of_seeds_share_nothing_and_never_change(panel: list[int]) -> None:
    search = list(islice(search_seeds(panel), 40))
    confirm, validate = (
        reserved_seeds(panel, 40, purpose) for purpose in (Purpose.CONFIRM, Purpose.VALIDATE)
    )
    assert search[: len(panel)] == panel
    assert len({*search, *confirm, *validate}) == 120
    assert all(0 <= seed < 2**31 for seed in (*search, *confirm, *validate))
    assert confirm == reserved_seeds(panel, 40, Purpose.CONFIRM)


# -- the confirmation ----------------------------------------------------------------------------


def confirmed(
    ours: dict[int, float], theirs: dict[int, float], sigma: float, maximize: bool = False
):  # type: ignore[no-untyped-def]
    best = trial(1, ours, Purpose.CONFIRM)
    seen = history(trial(0, theirs, Purpose.CONFIRM), best, best, maximize=maximize)
    return confirmation(seen, Noise(sigma, 30.0, False))


def test_a_clear_improvement_is_hardly_shrunk_and_a_doubtful_one_is() -> None:
    clear = confirmed({1: 1.0, 2: 1.1}, {1: 2.0, 2: 2.1}, 0.05)
    assert clear.improved and 0.99 < clear.gain <= clear.measured == pytest.approx(1.0)
    assert clear.seeds == (1, 2) and clear.baseline == pytest.approx(2.05)
    doubtful = confirmed({1: 1.98, 2: 2.08}, {1: 2.0, 2: 2.1}, 0.05)
    assert not doubtful.improved and 0 <= doubtful.gain < 0.5 * doubtful.measured
    worse = confirmed({1: 3.0, 2: 3.1}, {1: 2.0, 2: 2.1}, 0.05)
    assert worse.high < 0
    other_way = confirmed({1: 3.0, 2: 3.1}, {1: 2.0, 2: 2.1}, 0.05, maximize=True)
    assert other_way.improved


@pytest.mark.parametrize("worth", [0.0, 0.5, 1.0, 2.0, 4.0])
def test_the_interval_holds_the_truth_as_often_as_it_says(worth: float) -> None:
    """`worth` is the true effect in standard errors; the shrunk estimate lies in the interval."""
    chance, many = Random(7), 2000
    held = claims = 0
    for _ in range(many):
        measured = chance.gauss(worth, 1.0)
        error = math.sqrt(sum(chance.gauss(0.0, 1.0) ** 2 for _ in range(19)) / 19)
        gain, low, high = shrunk(measured, error, 19)
        assert low <= gain <= high
        held += low <= worth <= high
        claims += low > 0
    assert 0.935 <= held / many <= 0.965
    assert worth > 0 or claims / many <= 0.033, "2.5 %, and three of its errors"


def test_only_seeds_that_both_met_are_quoted() -> None:
    assert confirmed({1: 1.0}, {2: 2.0}, 0.1) is None
    assert confirmed({1: 1.0, 3: 9.0}, {1: 2.0, 2: 2.0}, 0.1).seeds == (1,)


def test_where_nothing_else_is_known_the_confirming_runs_show_the_noise() -> None:
    best = trial(1, {1: 1.0, 2: 1.1, 3: 0.9}, Purpose.CONFIRM)
    base = trial(0, {1: 2.0, 2: 2.1, 3: 1.9}, Purpose.CONFIRM)
    found = confirmation(history(base, best, best), Noise(math.inf, 0, False))
    assert found is not None and found.improved and found.error == pytest.approx(0.0816, abs=1e-3)


def test_on_average_it_claims_no_more_than_is_true() -> None:
    """Of many campaigns without any effect, shrunk claims are far below what was measured."""
    random, claims, measured = Random(5), [], []
    for _ in range(400):
        ours, theirs = ({s: random.gauss(0, 1) for s in range(4)} for _ in range(2))
        found = confirmed(ours, theirs, 1.0)
        claims.append(found.gain)
        measured.append(abs(found.measured))
    assert abs(sum(claims)) / 400 < 0.05
    assert sum(map(abs, claims)) < 0.7 * sum(measured)


# -- validation ----------------------------------------------------------------------------------


def validating(ours: dict[int, float], theirs: dict[int, float]) -> History:
    best = replace(trial(3, ours, Purpose.VALIDATE))
    base = trial(0, theirs, Purpose.VALIDATE)
    seen = history(base, best, trial(1, {}), trial(2, {}), best)
    return replace(seen, kept=(1, 2, 3))


def test_a_validation_is_due_every_few_keeps_since_the_last() -> None:
    seen = validating({}, {})
    assert is_due(seen, Validation(every=3)) and not is_due(seen, Validation(every=4))
    assert not is_due(replace(seen, validated=1), Validation(every=3))
    assert is_due(replace(seen, validated=1), Validation(every=2))
    assert not is_due(seen, None)


def test_it_wants_the_incumbent_and_the_last_validated_on_seeds_of_its_own() -> None:
    wanted = validating_runs(validating({}, {}), Validation(seeds=2))
    assert [w.trial for w in wanted] == [3, 0, 3, 0]
    assert {w.purpose for w in wanted} == {Purpose.VALIDATE}


def test_it_confirms_the_incumbent_or_demotes_it() -> None:
    noise = Noise(0.03, 20.0, False)
    stays = validated(validating({1: 1.0, 2: 1.1}, {1: 2.0, 2: 2.0}), noise, Validation())
    assert (stays.trial, stays.decision, stays.rule) == (3, Decision.KEEP, "validation")
    worse = validating({1: 3.0, 2: 1.1}, {1: 2.0, 2: 2.0})
    falls = validated(worse, noise, Validation())
    assert falls.decision is Decision.DISCARD and falls.evidence["to"] == 0
    assert "worse by 0.05 than the baseline at 3 times the budget" in falls.reason
    doubtful = validated(worse, Noise(0.3, 20.0, False), Validation())
    assert doubtful.decision is Decision.KEEP
    assert "not worse beyond the noise than the baseline" in doubtful.reason
