"""Reviews against numbers worked out by hand, and what they must not know."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest

from nightlab.remember.memory import Sources
from nightlab.remember.memory.diffs import read_diff
from nightlab.remember.memory.review import review, reviews
from nightlab.remember.memory.then import history_before
from nightlab.types import (
    Decision,
    Direction,
    History,
    NightlabError,
    Outcome,
    Purpose,
    Recommendation,
    Run,
    Trial,
    Verdict,
)

LONGER = "--- a/t.py\n+++ b/t.py\n@@ -1,2 +1,5 @@\n a\n+b\n+c\n+d\n e\n"
SHORTER = "--- a/t.py\n+++ b/t.py\n@@ -1,4 +1,2 @@\n a\n-b\n-c\n d\n"


def run(
    number: int, value: float | None, purpose: Purpose, at: float, memory: float = 100.0
) -> Run:
    metrics = {} if value is None else {"loss": value, "peak_memory_mb": memory}
    outcome = Outcome.CRASH if value is None else Outcome.OK
    detail = "RuntimeError: bad 12" if value is None else ""
    return Run(1, number, 1, purpose, "", at, outcome, metrics, detail=detail)


def trial(number: int, gain: float | None, error: float | None = None, **given: object) -> Trial:
    """One whose loss is lower by this than the baseline's 2; a crash where it is None."""
    memory = float(given.pop("memory", 100.0))  # type: ignore[arg-type]
    decision = given.pop("decision", Decision.DISCARD if gain is not None else Decision.CRASH)
    evidence = {} if gain is None else {"gain": gain, "standard_error": error, "against": 0}
    value = None if gain is None else 2.0 - gain
    made = Trial(
        number,
        f"c{number}",
        "c0",
        emitter="tuner",
        about={"attention": 1},
        opened=10.0 * number,
        settled=10.0 * number + 5,
        runs=(run(number, value, Purpose.PANEL, 10.0 * number + 1, memory),),
        verdict=Verdict(number, Decision(decision), "", "", evidence),
    )
    return replace(made, **given)  # type: ignore[arg-type]


def history(*trials: Trial) -> History:
    baseline = Trial(0, "c0", runs=(run(0, 2.0, Purpose.BASELINE, 0.0),))
    kept = tuple(t.number for t in trials if t.verdict and t.verdict.decision is Decision.KEEP)
    best = trials[kept[-1] - 1] if kept else baseline
    return History("loss", Direction.MINIMIZE, (1,), baseline, best, list(trials), kept=kept)


def test_a_first_trial_by_the_formulas() -> None:
    first = trial(1, 0.01, memory=150.0, lines=3, diff=LONGER, predicted="flat", edited=True)
    found = review(history(first), 1, Sources())
    assert found.fitness == 0.5  # 100 * 0.01 / 2: a baseline of 1 would give the seed's 1.0
    assert found.novelty == 0.65 and found.information == 0.25
    assert found.surprise == 0.2  # better, though flat was predicted
    assert found.complexity == 0.11  # three lines more, and one hunk, whose header counts once
    assert found.memory_cost == 0.25  # half as much again
    assert found.score == round(0.5 + 0.65 + 0.25 + 0.2 - 0.11 - 0.25, 4)
    assert (found.improvement, found.over_baseline) == (0.01, pytest.approx(0.01))
    assert str(found.niche) == "attention/heavier/growing"


def test_what_was_tried_before_is_less_novel() -> None:
    found = list(reviews(history(*(trial(n, -0.5) for n in range(1, 7))), Sources()))
    assert found[3].novelty == round((0.35 + 0.2 + 0.1) / sqrt(4), 4)
    assert found[3].information == 0.125
    assert found[4].information == round(0.25 / sqrt(5) + 0.1, 4)  # four without a keep


def test_a_crash_teaches_once_and_is_dropped() -> None:
    first, second = reviews(history(trial(1, None), trial(2, None)), Sources())
    assert first.information == 0.25 + 0.2
    assert second.information == round(0.25 / sqrt(2), 4)
    assert first.surprise == 0.15 and first.fitness == first.memory_cost == 0
    assert first.crash == second.crash == "RuntimeError: bad #"
    assert first.improvement is None and first.recommendation is Recommendation.DISCARD


@pytest.mark.parametrize(
    ("gain", "error", "predicted", "surprise"),
    [
        (0.5, None, "improve", 0.1),  # as predicted, and far
        (0.0029, None, "improve", 0.0),  # 0.0015 of the baseline's 2 is 0.003
        (0.5, 0.2, "improve", 0.0),  # within three standard errors
        (0.5, 0.1, "improve", 0.1),
        (-0.01, None, "improve", 0.15),
        (0.01, None, "", 0.2),
        (-0.5, None, "risky", 0.1),
    ],
)
def test_surprise(gain: float, error: float | None, predicted: str, surprise: float) -> None:
    found = review(history(trial(1, gain, error, predicted=predicted)), 1, Sources())
    assert found.surprise == surprise


def test_a_tie_that_is_shorter_is_worth_something() -> None:
    found = review(history(trial(1, 0.0, lines=-2, diff=SHORTER, edited=True)), 1, Sources())
    assert found.fitness == 0.1 and found.complexity == pytest.approx(0.05 - 0.02)
    assert found.recommendation is Recommendation.INVESTIGATE
    assert found.niche.kind == "simplification"


def test_only_what_the_judge_kept_is_to_be_kept() -> None:
    kept, lucky = trial(1, 0.4, decision=Decision.KEEP), trial(2, 0.4)
    advice = [each.recommendation for each in reviews(history(kept, lucky), Sources())]
    assert advice == [Recommendation.KEEP, Recommendation.INVESTIGATE]


def test_early_losers_are_not_all_worth_another_look() -> None:
    losers = [trial(n, -0.5, about={f"kind{n}": 1}, emitter=f"e{n}") for n in range(1, 6)]
    advice = [each.recommendation.value for each in reviews(history(*losers), Sources())]
    assert advice == ["investigate"] * 3 + ["discard", "investigate"]


def test_the_baseline_and_an_open_trial_have_none() -> None:
    started = history(trial(1, 0.1, verdict=None, settled=0.0))
    for number in (0, 1, 9):
        with pytest.raises(NightlabError, match=f"trial {number} has no review"):
            review(started, number, Sources())


def test_numbers_that_are_none_score_nothing() -> None:
    odd = trial(1, float("nan"))
    odd = replace(odd, runs=(replace(odd.runs[0], metrics={"loss": float("inf")}),))
    found = review(history(odd), 1, Sources())
    assert (found.improvement, found.over_baseline, found.fitness) == (None, None, 0.0)


def test_what_happened_later_does_not_leak_back() -> None:
    """Trial 1 was kept, and demoted after trial 2; trial 3 settled before trial 2 did."""
    demoted = trial(1, 0.4)
    again = run(1, 3.0, Purpose.REPLICATE, 90.0, memory=900.0)
    demoted = replace(demoted, runs=(*demoted.runs, again))
    second, third = trial(2, -0.1, settled=60.0), trial(3, -0.1)
    now = history(demoted, second, third)
    late = run(0, 9.0, Purpose.BASELINE, 95.0)
    now = replace(now, baseline=replace(now.baseline, runs=(*now.baseline.runs, late)))

    before = history_before(now, 2)
    assert before.incumbent.number == 1 and before.kept == (1,)
    assert [t.number for t in before.open] == [2]
    assert before.trials[2].verdict is not None  # settled by then, though opened later
    assert before.anchor() == 2.0 and before.trials[0].mean("loss") == 1.6
    assert [t.number for t in history_before(now, 3).open] == [2, 3]
    assert [t.number for t in history_before(now, 1).trials] == [1]

    found = {each.trial: each for each in reviews(now, Sources())}
    assert list(found) == [1, 3, 2]
    assert found[1].recommendation is Recommendation.KEEP
    assert found[1].memory_cost == 0 and found[1].over_baseline == pytest.approx(0.4)


def test_a_near_miss_that_was_confirmed_was_not_kept() -> None:
    confirmed = trial(1, 0.1)
    again = run(1, 1.9, Purpose.CONFIRM, 90.0)
    now = history(replace(confirmed, runs=(*confirmed.runs, again)), trial(2, 0.2))
    assert not now.trials[0].was_kept and history_before(now, 2).kept == ()
    assert next(iter(reviews(now, Sources()))).recommendation is not Recommendation.KEEP


def test_the_lines_tell_all_of_it() -> None:
    lines = review(history(trial(1, None), trial(2, -0.25, diff=LONGER)), 2, Sources()).lines
    starts = [line.partition(":")[0] for line in lines if "conjecture" not in line]
    assert starts == [
        "Metrics",
        "Delta vs best before it",
        "Delta vs baseline",
        "Classification",
        "Diff summary",
        "Discovery score",
        "Recommendation",
        "Current best",
    ]
    assert "+3 -0 lines in 1 hunk of t.py" in "\n".join(lines)
    first = review(history(trial(1, None), trial(2, -0.25)), 1, Sources()).lines
    assert first[0] == "Crash: «RuntimeError: bad #», for the first time"


def test_a_diff_counts_its_hunks_once_and_its_code_as_code() -> None:
    diff = "--- a/t\n+++ b/t\n@@ -1,2 +1,3 @@ def f():\n a\n-@@ -9 +9 @@\n+# a hackathon\n+--x @@\n"
    found = read_diff(diff)
    assert (found.added, found.deleted, found.hunks, found.marked) == (2, 1, 1, False)
    assert read_diff("@@ -0,0 +1 @@\n+x  # TODO\n").marked
    assert not read_diff("@@ -1 +0,0 @@\n-x  # FIXME\n").marked
