"""Early abort: the hard rules, what a lag is worth, and whom the watch stops."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.judge.abort import EARLIEST, Watch, aborted, false_aborts, is_spared
from nightlab.judge.curves import (
    LESSONS,
    POINTS,
    Ended,
    Prediction,
    lag,
    predict,
    thinned,
    value_at,
)
from nightlab.judge.hard import Report, diverges, not_a_number, overruns, projected
from nightlab.judge.settings import JudgeSettings
from nightlab.program.policy import parse_policy
from nightlab.types import (
    Curve,
    Decision,
    Direction,
    History,
    Measurement,
    Outcome,
    Progress,
    Purpose,
    Run,
    Trial,
    Verdict,
)

NAN, INF = math.nan, math.inf
FRACTIONS = [n / 20 for n in range(1, 21)]


class TestNotANumber:
    @pytest.mark.parametrize(
        ("values", "stops"),
        [
            ([], False),
            ([1.0, 2.0], False),
            ([1.0, NAN], True),
            ([1.0, INF], True),
            ([1.0, NAN, 2.0], False),
            ([NAN], False),
            ([NAN, NAN], False),
            ([NAN, NAN, NAN], True),
            ([NAN, NAN, 1.0], False),
            ([-INF, NAN, INF], True),
        ],
    )
    def test_one_after_a_number_or_three_in_a_row(self, values: list[float], stops: bool) -> None:
        assert not_a_number(values) is stops


class TestDiverges:
    REFERENCE = ((0.1, 4.0), (0.5, 2.0), (1.0, 1.0))

    @pytest.mark.parametrize(
        ("values", "stops"),
        [
            ([4.0, 3.0, 14.0, 15.0, 16.0], True),
            ([4.0, 3.0, 14.0, 15.0], False),
            ([4.0, 14.0, 15.0, 3.0], False),
            ([4.0, 12.0, 13.0, 12.9], False),
            ([14.0, 14.0, 14.0, 14.0], False),
            ([14.0, 24.0, 24.0, 24.0], True),
            ([], False),
        ],
    )
    def test_far_above_the_beginning_three_times(self, values: list[float], stops: bool) -> None:
        assert diverges(values, self.REFERENCE) is stops

    def test_a_reference_that_never_falls_says_nothing(self) -> None:
        assert not diverges([1.0, 99.0, 99.0, 99.0], ((0.1, 1.0), (1.0, 1.0)))
        assert not diverges([1.0, 99.0, 99.0, 99.0], ())


def steady(seconds: float, upto: float, first: float = 0.01) -> list[Report]:
    """A run that would take so long, told every hundredth of its budget."""
    count = round((upto - first) * 100) + 1
    fractions = [first + n / 100 for n in range(count)]
    return [Report((f - first) * seconds, f, 1.0) for f in fractions]


class TestOverrun:
    def test_a_steady_run_is_projected(self) -> None:
        assert projected(steady(100, 0.3)) == pytest.approx(99.0)

    @pytest.mark.parametrize(
        ("seconds", "upto", "stops"),
        [(1000, 0.3, True), (1000, 0.09, False), (110, 0.3, False), (90, 0.9, False)],
    )
    def test_clear_cases(self, seconds: float, upto: float, stops: bool) -> None:
        assert (overruns(steady(seconds, upto), 100) is not None) is stops

    def test_a_slow_start_is_forgiven(self) -> None:
        slow = steady(1000, 0.06)
        quick = [
            Report(slow[-1].at + n * 0.5, slow[-1].fraction + n / 100, 1.0) for n in range(1, 12)
        ]
        assert overruns([*slow, *quick], 100) is None

    def test_a_run_that_never_moves_is_left_to_its_timeout(self) -> None:
        assert overruns([Report(float(n), 0.5, 1.0) for n in range(100)], 10) is None

    def test_reports_all_at_once_say_nothing(self) -> None:
        assert overruns([Report(1.0, n / 10, 1.0) for n in range(9)], 0.1) is None


CURVES = st.lists(st.tuples(st.floats(0, 1), st.floats(-1e6, 1e6)), min_size=1, max_size=200).map(
    sorted
)


class TestCurves:
    @given(CURVES)
    def test_thinned_is_short_ordered_and_within(self, points: list[tuple[float, float]]) -> None:
        curve = thinned(points)
        assert 1 <= len(curve) <= POINTS
        assert list(curve) == sorted(curve)
        values = [value for _, value in points]
        near = 1e-4 * (1 + max(abs(value) for value in values))
        assert all(min(values) - near <= v <= max(values) + near for _, v in curve)

    def test_what_is_no_number_is_left_out(self) -> None:
        assert thinned([(0.1, NAN), (0.11, 2.0), (0.5, INF)]) == ((0.11, 2.0),)

    def test_between_points_it_is_straight(self) -> None:
        curve = ((0.1, 4.0), (0.3, 2.0))
        assert [value_at(curve, f) for f in (0.05, 0.1, 0.2, 0.3, 0.4)] == [
            None,
            4.0,
            pytest.approx(3.0),
            2.0,
            None,
        ]

    def test_a_lag_is_the_mean_of_the_last_stretch(self) -> None:
        below = tuple((f, 1 - f) for f in FRACTIONS)
        above = tuple((f, 1 - f + 0.5) for f in FRACTIONS)
        assert lag(above, below, 0.5) == pytest.approx(0.5)
        assert lag(above, below, 0.04) is None
        assert lag((), below, 0.5) is None


def curve(level: float, noise: float = 0.0, seed: int = 0) -> Curve:
    draw = random.Random(f"{level} {seed}")
    return tuple((f, 1 - f + level + draw.gauss(0, noise)) for f in FRACTIONS)


def lessons(count: int, slope: float = 2.0, noise: float = 0.02) -> list[list[Ended]]:
    """One group: finished runs whose ends are so many times their curves' levels."""
    draw = random.Random(3)
    levels = [draw.gauss(0.2, 0.2) for _ in range(count)]
    return [[Ended(curve(x, 0.001), slope * x + draw.gauss(0, noise)) for x in levels]]


def seen_of(groups: list[list[Ended]]) -> Prediction | None:
    """What is seen of a run at level 0.5, at 40 % of its budget."""
    return predict(groups, groups[0] if groups else [], curve(0.5), 0.0, 0.4)


class TestPredict:
    def test_it_learns_what_a_lag_is_worth(self) -> None:
        seen = seen_of(lessons(40))
        assert seen is not None
        assert seen.expected == pytest.approx(1.0, abs=0.1)
        assert 0.7 < seen.at_best < seen.expected

    def test_it_learns_where_a_lag_is_heading(self) -> None:
        """Runs that fall behind steadily end further behind than they are."""
        draw = random.Random(5)

        def steady(rate: float, start: float) -> Curve:
            return tuple((f, 1 - f + start + rate * f + draw.gauss(0, 0.002)) for f in FRACTIONS)

        told = [(draw.gauss(0, 0.3), draw.gauss(0, 0.05)) for _ in range(40)]
        group = [Ended(steady(*each), each[0] + each[1]) for each in told]
        seen = predict([group], group, steady(1.0, 0.0), 0.0, 0.4)
        assert seen is not None
        assert seen.expected == pytest.approx(1.0, abs=0.15)

    def test_groups_may_lie_anywhere(self) -> None:
        """What another seed adds to every value says nothing of a lag."""
        moved = [[Ended(each.curve, each.value + 100) for each in g] for g in lessons(40)]
        both = seen_of([*lessons(40), *moved])
        assert both is not None
        assert both.expected == pytest.approx(1.0, abs=0.1)

    def test_few_lessons_leave_more_open(self) -> None:
        few, many = (seen_of(lessons(n)) for n in (LESSONS + 1, 60))
        assert few is not None
        assert many is not None
        assert few.at_best < many.at_best

    @pytest.mark.parametrize(
        "told",
        [lessons(LESSONS), [], [[Ended(curve(0), 1.0)] * 9], [[g] for g in lessons(40)[0]]],
        ids=["too few", "none", "all alike", "nothing to compare"],
    )
    def test_nothing_where_nothing_can_be_said(self, told: list[list[Ended]]) -> None:
        assert seen_of(told) is None

    def test_curves_that_tell_nothing_leave_everything_open(self) -> None:
        seen = seen_of(lessons(30, slope=0.0, noise=0.5))
        assert seen is not None
        assert seen.at_best < 0

    def test_one_that_would_win_is_nearly_never_lost(self) -> None:
        draw, lost = random.Random(9), 0
        for _ in range(1000):
            xs = [draw.gauss(0.1, 0.2) for _ in range(12)]
            group = [Ended(curve(x, 0.002), x + draw.gauss(0, 0.1)) for x in xs]
            x = draw.gauss(0.1, 0.2)
            seen = predict([group], group, curve(x, 0.002), 0.0, 0.5)
            lost += seen is not None and seen.at_best > 0 >= x + draw.gauss(0, 0.1)
        assert lost <= 10


def run(
    number: int,
    trial: int,
    level: float | None,
    *,
    seed: int = 1,
    purpose: Purpose = Purpose.PANEL,
    loss: float | None = None,
    outcome: Outcome | None = None,
) -> Run:
    """A run with a curve at a level that ends with this loss; in flight without a level."""
    if level is None:
        return Run(number, trial, seed, purpose, "log", 0.0, outcome)
    ends = {"loss": level if loss is None else loss}
    told = {"outcome": Outcome.OK, "metrics": ends, "curve": curve(level, 0.001)}
    return Run(number, trial, seed, purpose, "log", 0.0, **told)  # type: ignore[arg-type]


def discard(number: int) -> Verdict:
    return Verdict(number, Decision.DISCARD, "improvement", "")


def past(count: int = 10, sign: int = 1) -> list[Trial]:
    """Settled trials, each worse than the baseline by about as much as its curve was."""
    draw, found = random.Random(1), []
    for n in range(1, count + 1):
        level = abs(draw.gauss(0.1, 0.1)) + 0.01
        each = run(n + 10, n, sign * level, loss=sign * (level + draw.gauss(0, 0.005)))
        found.append(Trial(n, f"c{n}", "base", runs=(each,), verdict=discard(n)))
    return found


def world(running: Trial | None, settled: Sequence[Trial], sign: int = 1) -> History:
    baseline = Trial(0, "base", runs=(run(1, 0, 0.0, purpose=Purpose.BASELINE),))
    direction = Direction.MINIMIZE if sign > 0 else Direction.MAXIMIZE
    open_ones = (running,) if running and running.number else ()
    trials = [*settled, *open_ones]
    shown = running if running and not running.number else baseline
    return History("loss", direction, (1, 2), shown, shown, trials, open_ones)


def flying(number: int = 11, **about: Any) -> Trial:
    """A trial with run 50 in flight."""
    flight = about.pop("flight", run(50, number, None))
    return Trial(**{"number": number, "commit": "c", "parent": "base", "runs": (flight,), **about})


def watching(
    trial: Trial,
    level: float,
    *,
    upto: float = 0.5,
    tag: str = "tag1",
    settled: Sequence[Trial] | None = None,
    sign: int = 1,
    name: str = "loss",
    **given: Any,
) -> list[Any]:
    """What a watch finds of run 50, whose curve lies on a level, until this fraction."""
    settings = JudgeSettings(**given)
    verb = "minimize" if sign > 0 else "maximize"
    watch = Watch(parse_policy(f"PRIMARY: {verb} loss"), settings, frozenset({"WARMUP"}))
    history = world(trial, past(sign=sign) if settled is None else settled, sign)
    found = []
    for fraction, value in curve(sign * level):
        if fraction <= upto:
            watch.hear(Progress(50, fraction, {"step": 1.0, name: value}))
            found += watch.weigh(tag, history)
    return found


def test_the_tags_used_here_spare_as_they_should() -> None:
    assert not is_spared("tag1", 50)
    assert is_spared(SPARING, 50)
    share = sum(is_spared("tag", number) for number in range(5000)) / 5000
    assert 0.08 < share < 0.12


SPARING = next(f"tag{n}" for n in range(1000) if is_spared(f"tag{n}", 50))


class TestWatch:
    def test_a_hopeless_run_is_named_once_and_early(self) -> None:
        (doom,) = watching(flying(), 0.6)
        assert (doom.run, doom.trial, doom.outcome) == (50, 11, Outcome.ABORTED)
        assert not doom.spared
        assert EARLIEST <= doom.fraction <= 0.3
        assert doom.predicted == pytest.approx(0.6, abs=0.1)
        assert "worse than the incumbent's; loss would end about" in doom.reason

    def test_larger_may_be_better(self) -> None:
        (doom,) = watching(flying(), 0.6, sign=-1)
        assert doom.predicted == pytest.approx(0.6, abs=0.1)

    def test_a_spared_one_is_named_once_too(self) -> None:
        (doom,) = watching(flying(), 0.6, tag=SPARING)
        assert doom.spared

    def test_a_spared_one_is_still_stopped_by_a_hard_rule(self) -> None:
        watch = Watch(parse_policy("PRIMARY: minimize loss"), JudgeSettings())
        history = world(flying(), past())
        found = []
        for fraction, value in [*curve(0.6)[:10], (0.6, NAN)]:
            watch.hear(Progress(50, fraction, {"loss": value}))
            found += watch.weigh(SPARING, history)
        assert [(d.outcome, d.spared) for d in found] == [
            (Outcome.ABORTED, True),
            (Outcome.NOT_FINITE, False),
        ]
        assert found[1].predicted is None

    @pytest.mark.parametrize("level", [0.0, -0.3])
    def test_one_that_keeps_up_is_left_alone(self, level: float) -> None:
        assert watching(flying(), level) == []

    @pytest.mark.parametrize(
        "trial",
        [
            flying(moved={"WARMUP": 0.3, "RATE": 1}),
            flying(edited=True),
            flying(flight=run(50, 11, None, seed=2)),
            flying(parent="somewhere else"),
            flying(flight=run(50, 11, None, purpose=Purpose.BASELINE)),
            flying(verdict=discard(11)),
            flying(0, parent=""),
        ],
        ids=["schedule", "edited", "no pair", "no parent", "purpose", "settled", "baseline"],
    )
    def test_none_where_curves_do_not_compare(self, trial: Trial) -> None:
        assert watching(trial, 0.6) == []

    def test_the_schedule_matters_only_where_it_moves(self) -> None:
        assert len(watching(flying(moved={"RATE": 0.3}), 0.6)) == 1

    def test_on_a_new_schedule_the_slopes_learned_before_still_count(self) -> None:
        """The incumbent's own curve is all there is to stand beside, so less is sure."""
        kept = Trial(
            11,
            "c11",
            "base",
            moved={"WARMUP": 0.5},
            runs=(run(40, 11, 0.3, loss=-0.5),),
            verdict=Verdict(11, Decision.KEEP, "improvement", ""),
        )
        (doom,) = watching(flying(12, parent="c11"), 0.9, settled=[*past(), kept])
        assert doom.predicted == pytest.approx(0.6, abs=0.15)
        assert watching(flying(12, parent="c11"), 0.3, settled=[*past(), kept]) == []

    def test_an_incumbent_from_long_ago_is_still_known(self) -> None:
        kept = Trial(
            1,
            "c1",
            "base",
            runs=(run(40, 1, -0.2),),
            verdict=Verdict(1, Decision.KEEP, "improvement", ""),
        )
        later = [
            replace(t, number=n, commit=f"d{n}", parent="c1") for n, t in enumerate(past(300), 2)
        ]
        trial = flying(400, flight=run(50, 400, None), parent="c1")
        began = time.monotonic()
        (doom,) = watching(trial, 0.6, settled=[kept, *later])
        assert doom.predicted == pytest.approx(0.8, abs=0.15)
        assert time.monotonic() - began < 5

    def test_none_with_few_lessons_or_when_it_is_off(self) -> None:
        assert watching(flying(), 0.6, settled=past(LESSONS - 2)) == []
        assert watching(flying(), 0.6, abort="off") == []
        assert watching(flying(), NAN, abort="off") == []

    def test_none_where_no_value_is_told(self) -> None:
        assert watching(flying(), 0.6, name="accuracy") == []
        assert len(watching(flying(), 0.6, name="accuracy", abort_by="accuracy")) == 1

    def test_earlier_seeds_that_won_are_counted_in(self) -> None:
        """One seed that loses a little does not lose what another has won."""
        won = run(49, 11, -0.5, seed=2)
        base = Trial(0, "base", runs=(run(1, 0, 0.0), run(2, 0, 0.0, seed=2)))
        trial = flying(runs=(won, run(50, 11, None)))
        watch = Watch(parse_policy("PRIMARY: minimize loss"), JudgeSettings())
        history = History(
            "loss", Direction.MINIMIZE, (1, 2), base, base, [*past(), trial], (trial,)
        )
        for level, stops in ((0.3, False), (0.9, True)):
            watch.ended(Measurement(50, Outcome.OK))
            for fraction, value in curve(level)[:10]:
                watch.hear(Progress(50, fraction, {"loss": value}))
            assert bool(watch.weigh("tag1", history)) is stops

    def test_a_shorter_one_may_lose_what_the_policy_allows(self) -> None:
        policy = "PRIMARY: minimize loss\nPREFER: fewer lines when loss is within 5"
        for lines, stops in ((0, True), (-3, False)):
            watch = Watch(parse_policy(policy), JudgeSettings())
            for fraction, value in curve(0.6)[:10]:
                watch.hear(Progress(50, fraction, {"loss": value}))
            assert bool(watch.weigh("tag1", world(flying(lines=lines), past()))) is stops

    def test_divergence_stops_edits_too(self) -> None:
        watch = Watch(parse_policy("PRIMARY: minimize loss"), JudgeSettings())
        for fraction, value in ((0.05, 1.0), (0.1, 50.0), (0.15, 60.0), (0.2, 70.0)):
            watch.hear(Progress(50, fraction, {"loss": value}))
        (doom,) = watch.weigh("tag1", world(flying(edited=True), []))
        assert (doom.outcome, doom.predicted) == (Outcome.ABORTED, None)
        assert doom.reason == "at 20% of its budget loss is 70, far above the 1 of its beginning"

    def test_a_baseline_that_is_no_number_is_stopped(self) -> None:
        trial = flying(0, parent="", flight=run(50, 0, None, purpose=Purpose.BASELINE))
        (doom,) = watching(trial, NAN, settled=[])
        assert (doom.outcome, doom.reason) == (Outcome.NOT_FINITE, "loss is nan at 15%")

    def test_an_end_that_comes_too_late_is_a_timeout(self) -> None:
        now = [0.0]
        policy, settings = parse_policy("PRIMARY: minimize loss"), JudgeSettings()
        watch = Watch(policy, settings, time_limit=100, clock=lambda: now[0])
        found = []
        for step in range(1, 40):
            now[0] = step * 10.0
            watch.hear(Progress(50, step / 100, {"loss": 1.0}))
            found += watch.weigh("tag1", world(flying(), []))
        (doom,) = found
        assert doom.outcome is Outcome.TIMEOUT
        assert doom.fraction < 0.15
        assert doom.reason.endswith("it would take about 990 s where 100 are allowed (run.timeout)")

    def test_a_finished_run_takes_its_curve_along(self) -> None:
        watch = Watch(parse_policy("PRIMARY: minimize loss"), JudgeSettings(abort="off"))
        for n in range(1, 1000):
            watch.hear(Progress(5, n / 1000, {"loss": 2.0}))
            watch.hear(Progress(5, n / 1000, {"loss": 2.0}))
        told = watch.ended(Measurement(5, Outcome.OK)).curve
        assert len(told) == POINTS
        assert {value for _, value in told} == {2.0}
        assert watch.ended(Measurement(5, Outcome.OK)).curve == ()
        watch.hear(Progress(6, 0.5, {"loss": 2.0}))
        assert watch.ended(Measurement(6, Outcome.INTERRUPTED)).curve == ()

    def test_progress_without_a_fraction_or_values_is_nothing(self) -> None:
        watch = Watch(parse_policy("PRIMARY: minimize loss"), JudgeSettings())
        watch.hear(Progress(5, None, {"loss": 2.0}))
        watch.hear(Progress(5, 0.5, {}))
        assert watch.weigh("tag1", world(flying(), past())) == []
        assert watch.ended(Measurement(5, Outcome.OK)).curve == ()


def test_an_aborted_trial_is_a_discard_and_has_not_failed() -> None:
    trial = flying(flight=Run(50, 11, 1, Purpose.PANEL, "", 0.0, Outcome.ABORTED, detail="why"))
    assert trial.failed is None
    assert trial.aborted == trial.runs[0]
    verdict = aborted(trial)
    assert (verdict.decision, verdict.rule, verdict.reason) == (Decision.DISCARD, "abort", "why")


def test_the_spared_tell_how_often_the_rule_was_wrong() -> None:
    ends = [0.4, -0.1, 0.2]
    trials = [
        Trial(n, f"c{n}", "base", runs=(run(20 + n, n, level),), verdict=discard(n))
        for n, level in enumerate(ends, 1)
    ]
    history = world(None, trials)
    assert false_aborts(history, [21, 22, 23]) == (3, 1)
    assert false_aborts(history, [21]) == (1, 0)
    assert false_aborts(history, []) == (0, 0)
