"""Niches, elites, near misses, dead ends and crash signatures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nightlab.remember.memory.archive import dead_ends, elites, near_misses
from nightlab.remember.memory.crashes import crashes, signature
from nightlab.remember.memory.lessons import lessons_of
from nightlab.remember.memory.niche import kind_of, niche_of
from nightlab.types import (
    Decision,
    Direction,
    History,
    Metrics,
    Outcome,
    Purpose,
    Run,
    Trial,
    Verdict,
)


def trial(number: int, gain: float | None, error: float | None = None, **given: object) -> Trial:
    """A discard that gains this over the baseline's 1; a crash where it is None."""
    crashed = gain is None
    metrics: Metrics = {} if crashed else {"score": 1.0 + (gain or 0.0)}
    outcome = Outcome.CRASH if crashed else Outcome.OK
    run = Run(number, number, 1, Purpose.PANEL, "", 0.0, outcome, metrics, detail=f"E: {number}")
    evidence = {} if crashed else {"gain": gain, "standard_error": error}
    decision = Decision.CRASH if crashed else Decision.DISCARD
    verdict = Verdict(number, decision, "", "", evidence)
    made = Trial(number, f"c{number}", "c0", runs=(run,), verdict=verdict)
    return replace(made, **given)  # type: ignore[arg-type]


def history(*trials: Trial, metrics: Metrics | None = None, incumbent: int = 0) -> History:
    found = {"score": 1.0, **(metrics or {})}
    run = Run(0, 0, 1, Purpose.BASELINE, "", 0.0, Outcome.OK, found)
    baseline = Trial(0, "c0", runs=(run,), parameters={"x": 1, "y": 1})
    best = trials[incumbent - 1] if incumbent else baseline
    return History("score", Direction.MAXIMIZE, (1,), baseline, best, list(trials))


@pytest.mark.parametrize(
    ("about", "kind"),
    [
        ({}, "other"),
        ({"attention": 2, "batch": 1}, "attention"),
        ({"batch": 1, "attention": 1}, "mixed"),
        ({"other": 5, "batch": 1}, "batch"),
        ({"other": 1}, "other"),
    ],
)
def test_a_kind_is_what_most_of_the_diff_is_about(about: dict[str, int], kind: str) -> None:
    assert kind_of(Trial(1, "c", about=about)) == kind


def test_shorter_code_is_a_simplification_and_a_shorter_table_is_not() -> None:
    assert kind_of(Trial(1, "c", about={"batch": 1}, lines=-1, edited=True)) == "simplification"
    assert kind_of(Trial(1, "c", about={"batch": 1}, lines=-1)) == "batch"


def test_size_and_memory_are_told_beside_the_baseline() -> None:
    def niche(size: float, memory: float, again: float = 0.0) -> str:
        runs = (
            Run(
                1,
                1,
                1,
                Purpose.PANEL,
                "",
                0.0,
                Outcome.OK,
                {"n_params": size, "peak_vram_mb": 0.0, "peak_memory_mb": memory},
            ),
            Run(2, 1, 2, Purpose.REPLICATE, "", 0.0, Outcome.OK, {"n_params": again}),
        )
        there = history(metrics={"n_params": 1000.0, "peak_memory_mb": 200.0})
        return str(niche_of(Trial(1, "c", about={"batch": 1}, runs=runs, lines=2), there))

    assert niche(500, 200) == "batch/half size/same memory/growing"
    assert niche(800, 240) == "batch/smaller/heavier/growing"
    assert niche(2000, 100, again=9e9) == "batch/double size/half memory/growing"
    assert niche(float("nan"), -1) == "batch/growing"


def test_the_elite_of_a_niche_need_not_be_kept_and_no_crash_is_one() -> None:
    there = history(
        trial(1, -0.2, about={"batch": 1}),
        trial(2, 0.1, about={"batch": 1}),
        trial(3, None, about={"batch": 1}),
        trial(4, 0.3, about={"attention": 1}),
        trial(5, float("inf"), about={"attention": 1}),
        trial(6, 0.1, about={"batch": 1}),
    )
    found = elites(lessons_of(there))
    assert [(n.kind, each.trial.number) for n, each in found.items()] == [
        ("attention", 4),
        ("batch", 2),
    ]


def test_near_misses_are_no_clear_loss_and_not_in_the_incumbent() -> None:
    best = trial(6, 0.5, parameters={"x": 2, "y": 1}, fingerprint="f6")
    best = replace(best, verdict=replace(best.verdict, decision=Decision.KEEP))  # type: ignore[type-var]
    there = history(
        trial(1, -0.1, 0.2, moved={"x": 9}),
        trial(2, -0.2, 0.1, moved={"x": 8}),
        trial(3, 0.1, 0.2, moved={"x": 2}),
        trial(4, 0.1, 0.2, edited=True, fingerprint="f6"),
        trial(5, 0.05, 0.2, moved={"x": 2, "y": 7}),
        best,
        trial(7, None),
        trial(8, -0.01, None, moved={"x": 3}),
        incumbent=6,
    )
    assert [each.trial.number for each in near_misses(lessons_of(there), there)] == [5, 1]


def test_dead_ends_are_crashes_and_clear_losses() -> None:
    there = history(trial(1, -0.4, 0.1), trial(2, -0.2, 0.1), trial(3, None), trial(4, 0.2, 0.1))
    assert [each.trial.number for each in dead_ends(lessons_of(there))] == [1, 3]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "RuntimeError: size mismatch (32, 64) vs (32, 128)",
            "RuntimeError: size mismatch (16, 64) vs (16, 128)",
        ),
        ("KeyError: 'wte.weight' (exit 1)", "KeyError: 'h.3.attn' (exit 1)"),
        ("RuntimeError: at 0x7f00aa in /tmp/a/x.so", "RuntimeError: at 0x11 in /usr/lib/y.so"),
        ("ValueError: 3x4 is not 5x6x7", "ValueError: 30x4 is not 5x6"),
        ("ValueError: loss is 1.5e-07", "ValueError: loss is -2"),
        ("torch.OutOfMemoryError: tried to allocate 2 GiB", "CUDA out of memory"),
    ],
)
def test_crashes_that_differ_in_numbers_are_one(one: str, other: str) -> None:
    assert signature(one) == signature(other)


def test_crashes_that_differ_in_words_are_two() -> None:
    assert signature("ValueError: can't do and won't do") != signature("ValueError: can't do it")
    assert signature("KeyError: 'a'") != signature("ValueError: 'a'")
    assert signature("killed after 5 s", Outcome.TIMEOUT) == "timeout: killed after # s"
    assert signature("loss of conv2d fails") == "loss of conv2d fails"


def test_a_signature_is_the_line_of_the_exception_and_bounded() -> None:
    log = "step 1\nTypeError: no\n  at the end"
    assert signature(log) == "TypeError: no"
    assert signature("a\n\nlast words 7\n") == "last words #"
    assert len(signature("x" * 10_000)) <= 140 and signature("") == "nothing said"
    assert signature("killed", Outcome.OUT_OF_MEMORY) == "out of memory"


def test_the_most_frequent_crash_comes_first() -> None:
    def crash(number: int, detail: str) -> Trial:
        made = trial(number, None, about={"batch": 1})
        return replace(made, runs=(replace(made.runs[0], detail=detail),))

    there = history(crash(1, "TypeError: x"), crash(2, "OSError: 1"), crash(3, "OSError: 2"))
    first, second = crashes(lessons_of(there))
    assert (first.signature, first.count, first.lessons) == ("OSError: #", 2, ("2", "3"))
    assert (first.kind, first.example) == ("batch", "OSError: 2") and second.lessons == ("1",)


def test_who_broke_a_rule_is_no_elite_and_the_last_near_miss() -> None:
    honest, cheat = trial(1, 0.1, 0.2), trial(2, 0.9, 0.2)
    rule = Verdict(2, Decision.DISCARD, "guardrail", "", {"gain": 0.9, "standard_error": 0.2})
    there = history(honest, replace(cheat, verdict=rule))
    assert [each.trial.number for each in near_misses(lessons_of(there), there)] == [1, 2]
    assert [each.trial.number for each in elites(lessons_of(there)).values()] == [1]
