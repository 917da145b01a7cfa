"""Stall and phase: circles are told from convergence, and phases follow the last trials."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import Lab, floats, space_of

from nightlab.remember.memory import Past, recall
from nightlab.remember.memory.effects import learn
from nightlab.remember.memory.hopes import hopes
from nightlab.remember.memory.lessons import lessons_of
from nightlab.remember.memory.stall import phase, since_last_keep, stall
from nightlab.types import Phase, Plateau, Refusal, Stall

NAMES = ("a", "b", "c")
MIDDLE = dict.fromkeys(NAMES, 0.5)
PLACES = (0.1, 0.3, 0.7, 0.9)


def lab(**given: float) -> Lab:
    return Lab(floats(*NAMES), {**MIDDLE, **given})


def stalled(of: Lab, *refusals: Refusal, past: tuple[Past, ...] = ()) -> Stall:
    history = replace(of.history, refusals=refusals)
    sources = replace(of.sources, past=past)
    earlier = [each for old in past for each in lessons_of(old.history, old.tag)]
    return stall(history, [*earlier, *of.lessons], sources)


def tried(after: int) -> Refusal:
    return Refusal(after, "same", "search", "already tried: trial 3 is the same")


def everywhere(of: Lab, gain: float = 0.0) -> Lab:
    """Each parameter alone to four new places."""
    for name in NAMES:
        for place in PLACES:
            of.try_(gain=gain, **{name: place})
    return of


def at_phase(of: Lab, near: int = 0, patience: int = 4) -> Phase:
    return phase(of.history, [of.lessons[-1]] * near if near else [], patience)


def test_new_ideas_everywhere_without_a_gain_have_converged() -> None:
    found = stalled(everywhere(lab()))
    assert found.plateau is Plateau.CONVERGED and found.since_keep == 12
    assert found.why == (
        "No keep for 12 trials: it has converged. 3 of 3 parameters were moved every way they can"
        " go, and none stood out; a gain of 2.5 would likely have been seen."
    )


def test_going_back_to_the_same_places_is_going_in_circles() -> None:
    of = everywhere(lab())
    of.try_(keep=True, gain=9.0, a=0.55)
    for _ in range(5):
        of.try_(a=0.1, gain=-1.0)
        of.try_(a=0.11, gain=-1.0)
    found = stalled(of)
    assert found.plateau is Plateau.CIRCLES and "circles" in found.why
    assert "9 next to an earlier trial" in found.why or "10 next to an earlier" in found.why


def test_ideas_that_were_refused_as_tried_count_as_circles() -> None:
    of = everywhere(lab())
    assert stalled(of, *[tried(12)] * 12).plateau is Plateau.CONVERGED
    found = stalled(of, *[tried(12)] * 13)
    assert found.plateau is Plateau.CIRCLES
    assert "13 of the last 25 ideas repeat what was tried (13 refused as tried)" in found.why
    other = [Refusal(12, "odd", "model", "the answer is no edit")] * 13
    assert stalled(of, *other).plateau is Plateau.CONVERGED


def test_refusals_from_before_the_last_keep_are_forgotten() -> None:
    of = lab()
    of.try_(keep=True, a=0.6, gain=9.0)
    everywhere(of)
    assert stalled(of, *[tried(0)] * 20).plateau is Plateau.CONVERGED
    assert stalled(of, *[tried(1)] * 20).plateau is Plateau.CIRCLES


def test_what_an_earlier_campaign_tried_is_a_repeat_too() -> None:
    old = everywhere(lab())
    assert stalled(everywhere(lab()), past=(Past("nov19", old.history),)).plateau is Plateau.CIRCLES


def test_small_steps_to_new_sides_are_no_repeats() -> None:
    of = lab()
    for way in (0.04, -0.04):
        for name in NAMES:
            of.try_(gain=0.0, **{name: 0.5 + way})
    of.try_(gain=0.0, a=0.53, b=0.47)
    of.try_(gain=0.0, a=0.47, c=0.53)
    assert stalled(of).plateau is not Plateau.CIRCLES


def test_one_way_only_is_a_stall_that_says_what_is_left() -> None:
    of = lab()
    for place in (0.55, 0.62, 0.7, 0.78, 0.85, 0.92, 0.97, 1.0):
        of.try_(a=place, gain=0.0)
    found = stalled(of)
    assert found.plateau is Plateau.STALLED
    assert found.why.endswith("not tried since: a down, b up, b down, c up, c down.")


def test_a_parameter_at_its_end_has_one_way_to_go() -> None:
    of = lab(a=0.0, b=1.0)
    for step in range(1, 5):
        of.try_(a=step / 5, gain=0.0)
        of.try_(b=1 - step / 5, gain=0.0)
    assert stalled(of).plateau is Plateau.CONVERGED


def test_a_gain_beyond_the_noise_that_was_not_kept_is_no_convergence() -> None:
    of = everywhere(lab())
    of.try_(a=0.2, b=0.8, gain=3.0)
    found = stalled(of)
    assert found.plateau is Plateau.STALLED
    assert found.why == "No keep for 13 trials. Gains beyond the noise that were not kept: 13."


def test_options_that_were_never_tried_are_left() -> None:
    space = space_of(opt={"type": "choice", "choices": ["adamw", "muon", "lion"]})
    of = Lab(space, {"opt": "adamw"})
    assert stalled(of).plateau is Plateau.NONE
    of.try_(opt="muon", gain=0.0)
    for at in range(8):
        of.edit(0.0, diff=f"+++ b/x.py\n+fresh{at} = {at}\n", about={"optimizer": 1})
    assert stalled(of).why.endswith("not tried since: opt = lion.")


def test_edits_of_the_same_words_again_and_again_are_circles() -> None:
    same, fresh = lab(), lab()
    for at in range(10):
        diff = f"--- a/x.py\n+++ b/x.py\n-beta = 0.9\n+beta = 0.9{at}\n"
        same.edit(-1.0, diff=diff, about={"optimizer": 1})
        fresh.edit(-1.0, diff=diff.replace("beta", f"name{at}"), about={"optimizer": 1})
    assert stalled(same).plateau is Plateau.CIRCLES
    assert "8 edited the same again" in stalled(same).why
    assert stalled(fresh).plateau is Plateau.STALLED


def test_with_the_same_ideas_in_another_unit_the_verdict_is_the_same() -> None:
    of = everywhere(Lab(floats(*NAMES), MIDDLE, error=1e-6), gain=2e-6)
    assert stalled(of).plateau is Plateau.CONVERGED
    assert "a gain of 2.5e-06" in stalled(of).why


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 20), st.integers(0, 10), st.integers(1, 5))
def test_before_twice_the_patience_there_is_no_plateau(
    before: int, late: int, patience: int
) -> None:
    of = lab().wander(before)
    of.try_(keep=True, a=0.52, gain=9.0)
    of.wander(late)
    found = stall(of.history, of.lessons, replace(of.sources, patience=patience))
    assert found.since_keep == late
    assert (found.plateau is Plateau.NONE) == (late < 2 * patience)
    assert bool(found.why) == (late >= 2 * patience)


def test_a_keep_that_was_demoted_ends_no_stall() -> None:
    of = lab().wander(3)
    of.try_(keep=True, a=0.52, gain=9.0)
    of.wander(2)
    assert len(since_last_keep(of.history)) == 2
    assert len(since_last_keep(replace(of.history, kept=()))) == 6


def test_trials_count_as_they_settled() -> None:
    of = lab().wander(4)
    of.try_(keep=True, a=0.52, gain=9.0)
    late = [replace(t, settled=9.0 if t.number == 2 else float(t.number)) for t in of.trials]
    history = replace(of.history, trials=late)
    assert [trial.number for trial in since_last_keep(history)] == [2]


def test_phases_from_setup_to_the_first_keep() -> None:
    of = lab()
    unmeasured = replace(of.baseline, runs=())
    history = replace(of.history, baseline=unmeasured, incumbent=unmeasured)
    assert phase(history, [], 4) is Phase.SETUP
    assert at_phase(of) is Phase.BASELINE
    of.wander(1)
    assert at_phase(of) is Phase.EXPLORE
    of.try_(keep=True, a=0.6, gain=9.0)
    assert at_phase(of) is Phase.EXPLOIT


@pytest.mark.parametrize(
    ("late", "near", "meant"),
    [
        (3, 2, Phase.EXPLOIT),
        (4, 2, Phase.EXPLORE),
        (5, 2, Phase.EXPLORE),
        (6, 2, Phase.RECOMBINE),
        (6, 1, Phase.EXPLORE),
    ],
)
def test_phases_after_a_keep(late: int, near: int, meant: Phase) -> None:
    of = lab()
    of.try_(keep=True, a=0.6, gain=9.0)
    assert at_phase(of.wander(late), near) is meant


def test_two_crashes_of_five_call_for_calm_until_they_are_past() -> None:
    of = lab()
    of.try_(crash=True, a=0.9)
    of.wander(1)
    assert at_phase(of) is Phase.EXPLORE
    of.try_(crash=True, a=0.95)
    assert at_phase(of) is Phase.STABILISE
    of.wander(3)
    assert at_phase(of) is Phase.EXPLORE


def test_while_all_trials_together_leave_hope_it_has_not_converged() -> None:
    of = Lab(floats("a"), {"a": 0.5}, error=0.5)
    for _ in range(12):
        of.try_(a=0.55, gain=0.6)
        of.try_(a=0.45, gain=-0.6)
    found = recall(of.history, of.sources).stall
    assert found.plateau is not Plateau.CONVERGED
    plain = stall(of.history, of.lessons, of.sources, lambda gain: ["a up"])
    assert plain.plateau in (Plateau.STALLED, Plateau.CIRCLES)


def test_hope_is_named_only_beyond_what_would_have_been_seen() -> None:
    of = everywhere(lab())
    asked: list[float] = []

    def hope(gain: float) -> list[str]:
        asked.append(gain)
        return ["a up"]

    found = stall(of.history, of.lessons, of.sources, hope)
    assert found.plateau is Plateau.STALLED and asked == [2.5]
    assert "all trials together leave hope for a up" in found.why


def test_a_slope_that_goes_on_is_a_hope_and_a_hilltop_is_none() -> None:
    rising = Lab(floats("a"), {"a": 0.5}, lambda v: 8.0 * float(v["a"]), error=0.3).wander(30)
    top = Lab(floats("a"), {"a": 0.5}, lambda v: -8.0 * (float(v["a"]) - 0.5) ** 2, error=0.3)
    learned = learn(rising.lessons, rising.history, rising.sources)
    assert hopes(learned, rising.space, 0.75) == ["a up"]
    assert hopes(learned, rising.space.only("all", ("a",)), 0.75) == [], "it is pinned"
    top.wander(30)
    assert hopes(learn(top.lessons, top.history, top.sources), top.space, 0.75) == []


def test_what_is_pinned_has_no_way_left() -> None:
    of = lab()
    for place in (*PLACES, *PLACES):
        of.try_(gain=0.0, a=place + 0.001 * len(of.trials))
    assert "not tried since: b up, b down, c up" in stalled(of).why
    pinned = replace(of.sources, fixed=frozenset({"b", "c"}))
    found = stall(of.history, of.lessons, pinned)
    assert found.plateau is Plateau.CONVERGED
    assert "1 of 1 parameters were moved every way they can go" in found.why
    assert " b " not in found.why


def test_where_all_have_crashed_that_is_what_is_said() -> None:
    of = lab()
    for number in range(9):
        of.try_(crash=True, a=number / 10)
    found = stalled(of)
    assert (found.plateau, found.why) == (Plateau.STALLED, "All of the last 9 trials crashed.")


def test_crashes_do_not_count_as_a_way_that_was_looked_at() -> None:
    of = lab()
    for name in NAMES:
        for place in PLACES:
            of.try_(crash=place > 0.5, gain=0.0, **{name: place})
    assert stalled(of).plateau is Plateau.STALLED
