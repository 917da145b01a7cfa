"""A trial that ignores its seed is no keep, and a metric in steps is no such trial."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.judge.ignored import ignored_seed
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

POLICY = parse_policy("PRIMARY: minimize m\nPREFER: fewer lines when m is within 0.5")
SEEDS = (7, 11, 19)
NOISY = {7: 1.01234567891, 11: 1.19191919191, 19: 0.91357924681}
LUCKY = dict.fromkeys(SEEDS, 0.31415926535)


def run(number: int, seed: int, m: float, **more: float) -> Run:
    return Run(number, number, seed, Purpose.PANEL, "", 0.0, Outcome.OK, {"m": m, **more})


def trial(number: int, values: dict[int, float], **more: Any) -> Trial:
    """`more` are further metrics: a number, or a function of the seed."""
    runs = tuple(
        run(number, seed, m, **{k: v(seed) if callable(v) else v for k, v in more.items()})
        for seed, m in values.items()
    )
    return Trial(number, f"c{number}", runs=runs)


def seen(base: Trial, *trials: Trial, seeds: tuple[int, ...] = SEEDS, **more: Any) -> History:
    opened = tuple(t for t in trials if t.verdict is None)
    first = History("m", Direction.MINIMIZE, seeds, base, base, list(trials), opened)
    return replace(first, **more)


def decided(history: History, **settings: Any) -> Verdict | None:
    return SeedwiseJudge(POLICY, JudgeSettings(**settings)).decide(history)


ANY = [
    {},
    {"panel": "fixed"},
    {"keep": "any"},
    {"keep": "any", "panel": "fixed"},
]


@pytest.mark.parametrize("settings", ANY, ids=str)
def test_one_lucky_seed_is_no_keep(settings: dict[str, Any]) -> None:
    verdict = decided(seen(trial(0, NOISY), trial(1, LUCKY)), **settings)
    assert verdict is not None
    assert (verdict.decision, verdict.rule) == (Decision.DISCARD, "seed")
    assert verdict.reason == (
        "it gives exactly the same on seeds 7, 11 and 19, and the baseline doesn't:"
        " the seed is ignored"
    )
    assert verdict.evidence["seeds"]["trial"] == 3


@pytest.mark.parametrize("settings", ANY, ids=str)
def test_one_that_heeds_it_is_kept(settings: dict[str, Any]) -> None:
    better = {seed: 0.3 * value for seed, value in NOISY.items()}
    verdict = decided(seen(trial(0, NOISY), trial(1, better)), **settings)
    assert verdict is not None and verdict.decision is Decision.KEEP


@pytest.mark.parametrize("settings", ANY, ids=str)
def test_nor_is_it_kept_for_being_short(settings: dict[str, Any]) -> None:
    shorter = replace(trial(1, dict.fromkeys(SEEDS, 1.04040404041)), lines=-9)
    verdict = decided(seen(trial(0, NOISY), shorter), **settings)
    assert verdict is not None and verdict.decision is Decision.DISCARD


def test_two_seeds_are_no_proof_so_a_third_has_to_tell() -> None:
    two = {seed: NOISY[seed] for seed in (7, 11)}
    calm = {7: 1.01234567891, 11: 1.01919191919}
    lucky = trial(1, dict.fromkeys(two, -90.31415926535))
    history = seen(trial(0, calm), lucky, seeds=(7, 11))
    assert decided(history) is None
    wanted = SeedwiseJudge(POLICY, JudgeSettings()).wanted(history)
    assert {each.trial for each in wanted} == {0, 1} and len({each.seed for each in wanted}) == 1
    (seed,) = {each.seed for each in wanted}
    assert Wanted(1, seed, Purpose.PANEL) in wanted
    third = replace(
        history,
        baseline=trial(0, {**calm, seed: 1.015}),
        open=(replace(lucky, runs=(*lucky.runs, run(1, seed, -90.31415926535))),),
    )
    verdict = decided(replace(third, incumbent=third.baseline))
    assert verdict is not None and verdict.rule == "seed"
    honest = replace(lucky, runs=(*lucky.runs, run(1, seed, -90.3)))
    verdict = decided(replace(third, incumbent=third.baseline, open=(honest,)))
    assert verdict is not None and verdict.decision is Decision.KEEP


@pytest.mark.parametrize(
    "settings", [{"keep": "any"}, {"panel": "fixed"}, {"closing": True}], ids=str
)
def test_where_there_is_no_third_seed_two_are_enough_to_keep_nothing(
    settings: dict[str, Any],
) -> None:
    closing = settings.pop("closing", False)
    base = trial(0, {7: 1.01234567891, 11: 1.01919191919})
    lucky = trial(1, {7: -90.31415926535, 11: -90.31415926535})
    history = seen(base, lucky, seeds=(7, 11), closing=closing)
    verdict = decided(history, **settings)
    assert verdict is not None and (verdict.decision, verdict.rule) == (Decision.DISCARD, "seed")
    assert "on seeds 7 and 11" in verdict.reason


def test_many_seeds_are_listed() -> None:
    base = trial(0, {seed: 1 + seed / 7 for seed in range(5)})
    found = ignored_seed(seen(base, trial(1, dict.fromkeys(range(5), 0.31415926535))), trial(1, {}))
    assert found is None, "a trial without runs"
    found = ignored_seed(seen(base), trial(1, dict.fromkeys(range(5), 0.31415926535)))
    assert found is not None and "seeds 0, 1, 2, 3 and 4," in found.reason


# -- what is no such trial -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "base",
    [
        {7: 1.01234567891, 11: 1.01234567891, 19: 0.91357924681},
        dict.fromkeys(SEEDS, 1.01234567891),
        {7: 1.01234567891, 11: 1.19191919191},
        {7: 1.01234567891},
    ],
    ids=["two tie", "all tie", "two seeds", "one seed"],
)
def test_a_baseline_that_ties_or_has_few_seeds_says_nothing(base: dict[int, float]) -> None:
    assert ignored_seed(seen(trial(0, base)), trial(1, LUCKY)) is None


def test_values_in_steps_agree_by_luck() -> None:
    base = trial(0, {7: 20 / 26, 11: 21 / 26, 19: 22 / 26})
    best = trial(1, dict.fromkeys(SEEDS, 25 / 26))
    assert ignored_seed(seen(base), best) is None
    rounded = trial(0, {7: 0.77, 11: 0.81, 19: 0.85})
    assert ignored_seed(seen(rounded), trial(1, dict.fromkeys(SEEDS, 0.95))) is None
    fine = trial(0, {7: 0.7712, 11: 0.8109, 19: 0.8545})
    assert ignored_seed(seen(fine), trial(1, dict.fromkeys(SEEDS, 0.9531))) is not None


@pytest.mark.parametrize(
    ("direction", "end", "ignores"),
    [
        (Direction.MINIMIZE, 0.0, False),
        (Direction.MINIMIZE, 1.0, True),
        (Direction.MAXIMIZE, 1.0, False),
        (Direction.MAXIMIZE, 100.0, False),
        (Direction.MAXIMIZE, 0.0, True),
    ],
)
def test_the_end_of_a_scale_is_reached_with_any_seed(
    direction: Direction, end: float, ignores: bool
) -> None:
    found = ignored_seed(
        seen(trial(0, NOISY), direction=direction), trial(1, dict.fromkeys(SEEDS, end))
    )
    assert (found is not None) == ignores


def test_another_metric_that_differs_shows_that_the_seed_is_heeded() -> None:
    base = trial(0, NOISY, reward=lambda seed: seed / 7)
    assert ignored_seed(seen(base), trial(1, LUCKY, reward=lambda seed: seed / 9)) is None
    assert ignored_seed(seen(base), trial(1, LUCKY, reward=0.5)) is not None
    assert ignored_seed(seen(base), trial(1, LUCKY)) is not None, (
        "nor is it hidden by printing less"
    )


@pytest.mark.parametrize(
    "name",
    ["peak_memory_mb", "train_seconds", "training_seconds", "total_time", "elapsed", "step_ms",
     "tokens_per_sec", "tok/s", "mfu_percent", "peak_vram_mb", "throughput", "eval.duration"],
)  # fmt: skip
def test_what_never_repeats_hides_nothing(name: str) -> None:
    clock = {name: lambda seed: seed / 7}
    assert ignored_seed(seen(trial(0, NOISY, **clock)), trial(1, LUCKY, **clock)) is not None


def test_a_metric_that_only_the_trial_prints_hides_nothing() -> None:
    assert ignored_seed(seen(trial(0, NOISY)), trial(1, LUCKY, new=lambda seed: seed)) is not None


@pytest.mark.parametrize("name", ["loss_seen", "times_kept", "accuracy", "classes", "bias_s1"])
def test_other_names_are_no_times(name: str) -> None:
    other = {name: lambda seed: seed / 7}
    assert ignored_seed(seen(trial(0, NOISY, **other)), trial(1, LUCKY, **other)) is None


def test_runs_of_another_purpose_and_imported_ones_count_for_nothing() -> None:
    two = trial(1, {7: 0.5, 11: 0.5})
    longer = replace(run(1, 19, 0.5), purpose=Purpose.VALIDATE)
    foreign = replace(run(1, -1, 0.5), purpose=Purpose.IMPORTED)
    failed = replace(run(1, 23, 0.5), outcome=Outcome.CRASH)
    made = replace(two, runs=(*two.runs, longer, foreign, failed))
    assert ignored_seed(seen(trial(0, NOISY)), made) is None


@given(st.lists(st.floats(0.1, 0.9, exclude_min=True), min_size=2, max_size=6, unique=True))
def test_values_that_differ_are_never_found(values: list[float]) -> None:
    ours = trial(1, dict(enumerate(values)))
    assert ignored_seed(seen(trial(0, NOISY)), ours, 2) is None


# -- a campaign ----------------------------------------------------------------------------------


def test_what_ignored_its_seed_tells_nothing_of_the_noise() -> None:
    base = trial(0, NOISY)
    quiet = [
        replace(trial(n, LUCKY), verdict=Verdict(n, Decision.DISCARD, "seed", "", {"against": 0}))
        for n in range(1, 30)
    ]
    assert measure_noise(seen(base, *quiet)) == measure_noise(seen(base))


@pytest.mark.parametrize("settings", ANY, ids=str)
@pytest.mark.parametrize("panel", [(7, 11), SEEDS, (7, 11, 19, 23)], ids=len)
def test_a_proposer_that_picks_a_lucky_seed_each_time_keeps_nothing(
    settings: dict[str, Any], panel: tuple[int, ...]
) -> None:
    judge = SeedwiseJudge(POLICY, JudgeSettings(validate="off", **settings))
    history = seen(Trial(0, "c0"), seeds=panel)
    trials: list[Trial] = []
    for _ in range(300):
        if verdict := judge.decide(history):
            assert verdict.decision is not Decision.KEEP, verdict
            trials[-1] = replace(trials[-1], verdict=verdict)
            history = replace(history, trials=list(trials), open=())
            continue
        wanted = judge.wanted(history)
        if not wanted:
            trials.append(Trial(len(trials) + 1, f"c{len(trials) + 1}"))
            history = replace(history, trials=list(trials), open=(trials[-1],))
            continue
        each = wanted[0]
        value = Random(f"0 {each.seed}").gauss(0, 1)
        if each.trial:  # the best of a thousand seeds, and then that one whatever is asked
            value = min(Random(f"{each.trial} {n}").gauss(0, 1) for n in range(1000))
            made = trials[-1]
            trials[-1] = replace(made, runs=(*made.runs, run(each.trial, each.seed, value)))
            history = replace(history, trials=list(trials), open=(trials[-1],))
        else:
            base = history.baseline
            base = replace(base, runs=(*base.runs, run(0, each.seed, value)))
            history = replace(history, baseline=base, incumbent=base)
    rules = {t.verdict.rule for t in trials if t.verdict}
    assert len(trials) > 20 and "seed" in rules and rules <= {"seed", "evidence", "improvement"}
