"""What the noise report says of every kind of experiment, and the strip of dots above it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from nightlab.judge.settings import JudgeSettings
from nightlab.program.policy import parse_policy
from nightlab.report.noise import noise_data, noise_lines
from nightlab.report.terminal.pen import Pen
from nightlab.report.terminal.strip import strip
from nightlab.types import Direction, History, Outcome, Purpose, Run, Trial

POLICY = "PRIMARY: minimize loss"


def measured(
    values: Sequence[tuple[int, float]],
    policy: str = POLICY,
    seconds: Sequence[float] = (),
    **judge: Any,
) -> dict[str, Any]:
    """The report on runs of these seeds and values, a minute apart."""
    runs = tuple(
        Run(
            number, 0, seed, Purpose.BASELINE, "", 60.0 * number, Outcome.OK, {"loss": value}, {},
            seconds[number] if seconds else 10.0,
        )
        for number, (seed, value) in enumerate(values)
    )  # fmt: skip
    baseline = Trial(0, "c0", runs=runs)
    seeds = tuple(dict.fromkeys(seed for seed, _ in values))
    history = History("loss", Direction.MINIMIZE, seeds, baseline, baseline, ())
    return noise_data(history, parse_policy(policy), JudgeSettings(**judge), "check")


def text(told: dict[str, Any]) -> str:
    json.dumps(told, allow_nan=False)
    return "\n".join(noise_lines(told))


NOISY = [(7, 1.4735365), (11, 1.4539291), (19, 1.4724512), (7, 1.4735365)]


def test_a_usual_experiment() -> None:
    told = measured(NOISY)
    assert [row["seeds"] for row in told["visible"]] == [3, 6, 16, 32]
    assert [row["is"] for row in told["visible"]] == ["panel", "", "most_seeds", ""]
    assert told["spread"] == pytest.approx(0.0196, abs=1e-4)
    assert told["drift"]["difference"] == 0 and told["drift"]["seconds_apart"] == 180
    assert told["outliers"] == [] and not told["deterministic"]
    said = text(told)
    assert "the same seed repeats exactly, seeds differ: only the seed is random" in said
    assert "seed 7 at the beginning and 3 min later: 1.47354 both times, no drift" in said
    assert "  16 seeds (judge.most_seeds): " in said and "; a trial takes 3 min;" in said
    assert told["half"]["improvement"] == told["visible"][2]["improvement"] / 2
    assert f"takes {told['half']['seeds']} (" in said and "a longer run.budget" in said


def test_a_deterministic_one_has_nothing_to_see() -> None:
    told = measured([(1, 2.0), (2, 2.0), (1, 2.0)])
    assert told["deterministic"] and told["visible"] == [] and told["half"] is None
    said = text(told)
    assert "deterministic, or it ignores its seed; one run decides" in said
    assert "told from luck" not in said


def test_one_whose_seed_does_not_repeat() -> None:
    told = measured([(1, 2.0), (2, 2.2), (1, 2.1)], seconds=[10.0, 10.0, 20.0])
    said = text(told)
    assert "the same seed gives different values: the budget is wall-clock time" in said
    assert "seed 1 at the beginning and 2 min later: 2 and 2.1, " in said
    assert "2.0 times as long, so the machine is busier now" in said


def test_without_repeats_and_with_one_run() -> None:
    assert "whether a seed repeats was not measured" in text(measured([(1, 2.0), (2, 2.2)]))
    told = measured([(1, 2.0)])
    assert told["standard_deviation"] is None and told["visible"] == []
    assert "shows no noise" in text(told)


def test_what_the_policy_asks_and_the_noise_hides() -> None:
    require = f"{POLICY}\nREQUIRE: loss improves by >= 0.001 absolute"
    assert "REQUIRE asks for 0.001, and what 16 seeds tell from luck begins at" in text(
        measured(NOISY, require)
    )
    cases = [(seed, 1 - right / 26) for seed, right in enumerate((20, 22, 21, 23), 1)]
    said = text(measured(cases, f"{POLICY}\nREQUIRE: loss improves by >= 0.005 absolute"))
    assert "finer than the smallest step of loss, 0.03846 (1/26)" in said
    assert "or 0.009615 on the mean of 4 seeds" in said
    assert "REQUIRE asks" not in text(measured(NOISY, f"{POLICY}\nREQUIRE: loss improves by >= 9%"))


def test_panels_that_are_fixed_and_keeps_of_any_kind() -> None:
    told = measured(NOISY, panel="fixed")
    assert [row["seeds"] for row in told["visible"]] == [3]
    assert "`panel: fixed` decides on these 3 seeds alone" in text(told)
    told = measured(NOISY, keep="any")
    assert told["level"] == 1.0 and [row["seeds"] for row in told["visible"]] == [3]
    assert "noise included" in text(told) and "(keep: any)" in text(told)


def test_outliers_and_odd_sizes() -> None:
    values = [(seed, 1 + seed % 3 / 100) for seed in range(1, 10)]
    said = text(measured([*values, (10, 50.0)]))
    assert "50 lies far from the rest" in said
    for scale in (1e-12, 1e12):
        told = measured([(seed, scale * value) for seed, value in NOISY])
        assert told["standard_deviation"] == pytest.approx(0.011 * scale, rel=0.05)
        assert text(told)


# -- the strip -------------------------------------------------------------------------------------

ROWS = [("seed 7", 1.5), ("seed 11", 1.25), ("seed 19", 1.0)]


def test_dots_lie_where_their_values_do() -> None:
    assert strip(ROWS, 30, Pen()) == [
        "seed 7    1.5  │            •│",
        "seed 11  1.25  │      •      │",
        "seed 19     1  │•            │",
    ]
    assert strip(ROWS, 30, Pen(ascii=True))[2] == "seed 19     1  |o            |"


def test_strips_of_any_width_and_length() -> None:
    for width in (1, 10, 24, 80, 500):
        lines = strip(ROWS, width, Pen())
        assert len(lines) == 3 and len({len(line) for line in lines}) == 1
        assert all(len(line) <= max(width, 16) for line in lines)
    assert strip([], 80, Pen()) == []
    assert len(strip([("one", 2.0)], 80, Pen())) == 1
    assert strip([(f"seed {n}", 0.1 * n) for n in range(100)], 80, Pen())[-1] == "and 76 more"
