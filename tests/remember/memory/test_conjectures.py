"""Conjectures: what is so gets one, noise gets none, and contrary trials kill it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import Lab, floats, space_of

from nightlab.remember.memory import Past, recall
from nightlab.remember.memory.conjectures import AT_MOST
from nightlab.types import Conjecture, Standing

NAMES = ("a", "b", "c", "d", "e", "f")
MIDDLE = dict.fromkeys(NAMES, 0.5)


def told(lab: Lab, human: tuple[str, ...] = (), model: tuple[str, ...] = ()) -> list[Conjecture]:
    sources = replace(lab.sources, claims=[(text, "alice") for text in human])
    history = replace(lab.history, claims=[(text, "gpt") for text in model])
    return list(recall(history, sources).conjectures)


def holding(lab: Lab) -> list[str]:
    return [each.claim for each in told(lab) if each.standing is Standing.HOLDS]


def of(found: list[Conjecture], claim: str) -> Conjecture:
    return next(each for each in found if each.claim == claim)


@pytest.mark.parametrize("at_once", [1, 3, 6])
def test_noise_holds_no_conjecture_about_parameters_in_nine_of_ten_campaigns(at_once: int) -> None:
    held = 0
    for seed in range(50):
        lab = Lab(floats(*NAMES), MIDDLE, seed=seed).wander(30, at_once)
        held += any(claim.split()[-1] in ("better", "crashes") for claim in holding(lab))
    assert held <= 5


def test_crashes_that_come_by_chance_make_no_region_in_nine_of_ten_campaigns() -> None:
    held = 0
    for seed in range(50):
        lab = Lab(floats(*NAMES), MIDDLE, seed=seed)
        for _ in range(40):
            moved = {name: lab.random.random() for name in lab.random.sample(NAMES, 2)}
            lab.try_(crash=lab.random.random() < 0.1, **moved)
        held += any("crashes" in claim for claim in holding(lab))
    assert held <= 5


def test_directions_and_the_best_option_are_found_the_strongest_first() -> None:
    space = space_of(
        a={"type": "float", "low": 0.0, "high": 1.0},
        b={"type": "float", "low": 0.0, "high": 1.0},
        opt={"type": "choice", "choices": ["adamw", "muon"]},
    )
    start = {"a": 0.5, "b": 0.5, "opt": "adamw"}

    def score(values: dict[str, float]) -> float:
        return 8 * values["a"] + 4.0 * (values["opt"] == "muon")  # type: ignore[comparison-overlap]

    lab = Lab(space, start, score, seed=1).wander(80, 2)
    found = [each for each in told(lab) if not each.claim.endswith("pay")]
    live = [each for each in found if each.standing is Standing.HOLDS]
    assert {each.claim for each in live} >= {"higher a is better", "opt = muon is better"}
    strengths = [each.strength for each in live]
    assert strengths == sorted(strengths, reverse=True)
    why = of(live, "higher a is better").why
    assert why.startswith("gain +") and " for, " in why and why.endswith(" against")
    assert len(of(live, "higher a is better").for_it) > 5


def test_contrary_trials_kill_a_conjecture_that_held() -> None:
    lab = Lab(floats("a"), {"a": 0.5}, lambda v: 10 * v["a"]).wander(20)
    assert "higher a is better" in holding(lab)
    lab.score = lambda v: -10 * v["a"]
    lab.wander(60)
    found = of(told(lab), "higher a is better")
    assert found.standing is Standing.DEAD and found.strength < 0.5
    assert "higher a is better" not in holding(lab)
    assert len(found.against) > len(found.for_it)


def test_a_region_that_crashes_is_told_and_one_that_runs_after_all_dies() -> None:
    lab = Lab(floats("a"), {"a": 0.5})
    for place in (0.1, 0.2, 0.3, 0.4, 0.6, 0.7):
        lab.try_(a=place)
    for place in (0.8, 0.9, 0.95):
        lab.try_(a=place, crash=True)
    assert "a >= 0.8 crashes" in holding(lab)
    for place in (0.81, 0.85, 0.9, 0.92, 0.94, 0.96, 0.97, 0.98, 0.99):
        lab.try_(a=place)
    assert of(told(lab), "a >= 0.8 crashes").standing is Standing.DEAD


def test_kinds_that_pay_and_simplification() -> None:
    lab = Lab(floats("a"), {"a": 0.5})
    for _ in range(10):
        lab.edit(2.0 + lab.random.gauss(0, 1), about={"attention": 1}, lines=-2)
        lab.edit(-2.0 + lab.random.gauss(0, 1), about={"schedule": 1}, lines=2)
    assert set(holding(lab)) >= {
        "attention changes pay",
        "simplification changes pay",
        "schedule changes do not pay",
    }


def test_that_a_kind_does_not_pay_is_no_news_where_it_has_brought_a_keep() -> None:
    lab = Lab(floats("a"), {"a": 0.5})
    for _ in range(20):
        lab.edit(-2.0 + lab.random.gauss(0, 1), about={"schedule": 1})
        lab.edit(2.0 + lab.random.gauss(0, 1), about={"attention": 1})
    assert "schedule changes do not pay" in holding(lab)
    lab.edit(0.5, about={"schedule": 1}, keep=True)
    lab.edit(0.5, about={"attention": 1}, keep=True)
    assert "schedule changes do not pay" not in holding(lab)
    assert "attention changes pay" in holding(lab)


def test_claims_of_others_are_tested_like_the_rest() -> None:
    lab = Lab(floats("a", "b"), {"a": 0.5, "b": 0.5}, lambda v: 10 * v["a"]).wander(40, 2)
    found = told(
        lab, ("Higher a is better.", "b is magic"), ("lowering a helps", "z = 3 is better")
    )
    right, wrong = of(found, "higher a is better"), of(found, "lower a is better")
    assert (right.standing, right.source) == (Standing.HOLDS, "alice")
    assert (wrong.standing, wrong.source) == (Standing.DEAD, "gpt")
    assert [each.claim for each in found].count("higher a is better") == 1
    vague = of(found, "b is magic")
    assert vague.standing is Standing.UNTESTED and "can't be tested" in vague.why
    assert "there is no parameter 'z'" in of(found, "z = 3 is better").why


def test_a_claim_that_nothing_bears_on_is_untested() -> None:
    lab = Lab(floats("a", "b"), {"a": 0.5, "b": 0.5})
    (found,) = told(lab, ("higher b is better",))
    assert (found.standing, found.why) == (Standing.UNTESTED, "no trial has moved b")


def test_a_faint_trial_decides_nothing() -> None:
    lab = Lab(floats("a", "b"), {"a": 0.5, "b": 0.5})
    lab.try_(a=0.6, gain=-0.01)
    assert (
        of(told(lab, ("higher a is better",)), "higher a is better").standing is Standing.UNTESTED
    )
    for _ in range(5):
        lab.try_(a=0.9, gain=-3.0)
    assert of(told(lab, ("higher a is better",)), "higher a is better").standing is Standing.DEAD


def test_a_plateau_is_a_conjecture_until_the_next_keep() -> None:
    lab = Lab(floats("a"), {"a": 0.5}).wander(8)
    found = of(told(lab), "changes like the last ones do not pay")
    assert found.strength == pytest.approx(9 / 10)
    assert found.for_it == tuple(str(number) for number in range(1, 9))
    lab.try_(a=0.7, keep=True)
    assert "changes like the last ones do not pay" not in [each.claim for each in told(lab)]


def test_an_earlier_campaign_speaks_too() -> None:
    old = Lab(floats("a"), {"a": 0.5}, lambda v: 10 * v["a"]).wander(30)
    new = Lab(floats("a"), {"a": 0.5})
    found = recall(
        new.history, replace(new.sources, past=(Past("nov19", old.history),))
    ).conjectures
    assert found[0].claim == "higher a is better"
    assert all(name.startswith("nov19/") for name in found[0].for_it)


noise = st.text(max_size=60)
shaped = st.builds(
    "{} {} is better".format, st.sampled_from(["higher", "lower"]), st.sampled_from(NAMES)
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(noise, shaped), max_size=30), st.integers(0, 9))
def test_only_a_handful_of_each_sort_is_told_whatever_models_say(said: list[str], n: int) -> None:
    lab = Lab(floats(*NAMES), MIDDLE, lambda v: 9 * v["a"] - 9 * v["b"], seed=n).wander(25, 3)
    found = told(lab, (), tuple(said))
    sorts = [(each.standing is Standing.DEAD, bool(each.source)) for each in found]
    assert sorts == sorted(sorts, key=lambda sort: (sort[0], not sort[0] and sort[1]))
    assert sum(dead for dead, _ in sorts) <= AT_MOST
    assert sorts.count((False, False)) <= AT_MOST >= sorts.count((False, True))
    assert all(each.claim.isprintable() and each.why.isprintable() for each in found)
    assert all(0 <= each.strength <= 1 for each in found)
