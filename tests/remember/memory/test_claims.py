"""Claims on the scales: what is true gains weight, what is false loses it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from learning import Lab, floats, space_of
from scipy import stats

from nightlab.program.claim import Claim, Form, parse_claim
from nightlab.remember.memory.claims import weigh
from nightlab.remember.memory.effects import learn
from nightlab.remember.memory.evidence import Evidence, below

MIDDLE = {"a": 0.5, "b": 0.5, "c": 0.5}
CHOICE = space_of(
    opt={"type": "choice", "choices": ["adamw", "muon", "lion"]},
    heads={"type": "choice", "choices": [1, 2, 4]},
    fused={"type": "bool"},
)
START = {"opt": "adamw", "heads": 2, "fused": False}


def weight(text: str, lab: Lab) -> Evidence:
    claim = parse_claim(text, lab.space.parameters, ("attention", "optimizer", "simplification"))
    return weigh(claim, learn(lab.lessons, lab.history, lab.sources))


def likely(text: str, lab: Lab) -> float:
    found = weight(text, lab).probability
    assert found is not None
    return found


def rising(trials: int = 60) -> Lab:
    return Lab(floats(*MIDDLE), MIDDLE, lambda v: 8 * v["a"] - 8 * v["b"], seed=3).wander(trials, 2)


def test_a_true_direction_is_likely_and_its_contrary_is_not() -> None:
    lab = rising()
    assert likely("higher a is better", lab) > 0.99
    assert likely("lower a is better", lab) < 0.01
    assert likely("lower b is better", lab) > 0.99
    assert not weight("lower a is better", lab).holds
    assert likely("higher a is better", lab) + likely("lower a is better", lab) == pytest.approx(1)


def test_trials_speak_for_a_direction_both_ways() -> None:
    lab = Lab(floats("a"), {"a": 0.5})
    lab.try_(a=0.9, gain=5.0)
    lab.try_(a=0.1, gain=-5.0)
    lab.try_(a=0.8, gain=-5.0)
    lab.try_(a=0.2, gain=0.5)
    found = weight("higher a is better", lab)
    assert (found.for_it, found.against) == (("1", "2"), ("3",))
    turned = weight("lower a is better", lab)
    assert (turned.for_it, turned.against) == (("3",), ("1", "2"))
    assert found.why.endswith("from low to high, 2 for, 1 against")


def test_what_another_parameter_is_known_to_bring_is_not_counted_in() -> None:
    lab = Lab(floats("a", "b"), {"a": 0.5, "b": 0.5}, error=0.5)
    for place in (0.1, 0.2, 0.3, 0.7, 0.8, 0.9) * 5:
        lab.try_(a=place, gain=20 * (place - 0.5))
    last = lab.try_(a=1.0, b=0.6, gain=10.0)
    assert str(last.number) not in weight("higher b is better", lab).for_it
    assert str(last.number) in weight("higher a is better", lab).for_it


def test_what_no_trial_has_moved_is_open() -> None:
    lab = Lab(floats("a", "b"), {"a": 0.5, "b": 0.5}).wander(0)
    lab.try_(a=0.7)
    said = ["higher b is better", "b does not matter", "b = 0.3 is better", "attention changes pay"]
    for text in [*said, "a = 0.1 is better", "b >= 0.9 crashes"]:
        assert weight(text, lab).probability is None
        assert not weight(text, lab).holds
        assert weight(text, lab).why.startswith("no trial")


def test_a_choice_has_no_direction_but_options() -> None:
    worth = {"adamw": 0.0, "muon": 4.0, "lion": -4.0}
    lab = Lab(CHOICE, START, lambda v: worth[v["opt"]], seed=1).wander(60)  # type: ignore[index]
    assert weight("higher opt is better", lab).probability is None
    assert likely("opt = muon is better", lab) > 0.95
    assert likely("opt = lion is better", lab) < 0.05
    assert weight("opt = sgd is better", lab).probability is None
    assert likely("heads = 4.0 is better", lab) == likely("heads = 4 is better", lab)
    assert weight("fused = 1 is better", lab).probability is None
    assert weight("fused = true is better", lab).probability is not None


def test_a_value_of_a_number_is_judged_by_who_came_and_who_left() -> None:
    lab = Lab(floats("a"), {"a": 0.5})
    for gain in (4.0, 5.0, 6.0, 4.5):
        lab.try_(a=0.7, gain=gain)
    lab.try_(a=0.7, gain=5.0, keep=True)
    lab.try_(a=0.2, gain=-4.0)
    found = weight("a = 0.705 is better", lab)
    assert found.for_it == ("1", "2", "3", "4", "5", "6") and found.probability > 0.95  # type: ignore[operator]
    assert likely("a = 0.2 is better", lab) < 0.2


def test_what_does_not_matter_is_what_brings_less_than_could_be_seen() -> None:
    lab = Lab(floats("a", "b"), {"a": 0.5, "b": 0.5}, lambda v: 30 * v["a"], seed=5).wander(200)
    assert likely("b does not matter", lab) > 0.8
    assert likely("a does not matter", lab) < 0.01
    assert weight("b does not matter", lab).holds and not weight("a does not matter", lab).holds


def test_a_hill_matters_though_its_top_is_flat() -> None:
    lab = Lab(floats("a"), {"a": 0.5}, lambda v: -80 * (v["a"] - 0.5) ** 2, seed=2).wander(40)
    found = weight("a does not matter", lab)
    assert found.probability is not None and found.probability < 0.01


def test_a_choice_matters_where_one_of_its_options_does() -> None:
    worth = {"adamw": 0.0, "muon": 9.0, "lion": -9.0}
    lab = Lab(CHOICE, START, lambda v: worth[v["opt"]], seed=1).wander(90)  # type: ignore[index]
    assert likely("opt does not matter", lab) < 0.05
    assert likely("heads does not matter", lab) > 0.5


def test_kinds_pay_or_they_do_not() -> None:
    lab = Lab(floats("a"), {"a": 0.5})
    for _ in range(8):
        lab.edit(3.0 + lab.random.gauss(0, 1), about={"attention": 1})
        lab.edit(-3.0 + lab.random.gauss(0, 1), about={"optimizer": 2, "attention": 1})
    assert likely("attention changes pay", lab) > 0.95 > 0.05 > likely("optimizer changes pay", lab)
    assert likely("optimizer changes do not pay", lab) > 0.95
    assert weight("attention changes pay", lab).why.startswith("mean gain +")


def test_a_region_crashes_where_crashes_are_more_frequent_than_elsewhere() -> None:
    lab = Lab(floats("a"), {"a": 0.5})
    for place in (0.91, 0.95, 0.99):
        lab.try_(a=place, crash=True)
    for place in (0.1, 0.2, 0.3, 0.6, 0.7, 0.85):
        lab.try_(a=place)
    found = weight("a >= 0.9 crashes", lab)
    assert found.holds and found.probability > 0.95  # type: ignore[operator]
    assert found.why == "3 of 3 crashed there, 0 of 6 elsewhere"
    assert likely("a <= 0.4 crashes", lab) < 0.5
    assert not weight("a >= 0.1 crashes", lab).holds  # as many crashed as not, or more that ran


counts = st.tuples(*[st.integers(0, 12)] * 4).filter(lambda c: c[0] + c[1] > 0)


@given(counts)
def test_the_chance_of_a_region_is_that_of_two_beta_distributions(
    counts: tuple[int, int, int, int],
) -> None:
    crashed, ran, elsewhere_crashed, elsewhere_ran = counts
    lab = Lab(floats("a"), {"a": 0.5})
    for place, crash, count in (
        (0.9, True, crashed),
        (0.9, False, ran),
        (0.1, True, elsewhere_crashed),
        (0.1, False, elsewhere_ran),
    ):
        for _ in range(count):
            lab.try_(a=place, crash=crash, gain=0.0)
    claim = Claim(Form.CRASHES_ABOVE, "a", 0.9)
    found = weigh(claim, learn(lab.lessons, lab.history, lab.sources))
    there = stats.beta(1 + crashed, 1 + ran)
    elsewhere = stats.beta(1 + elsewhere_crashed, 1 + elsewhere_ran)
    grid = [(i + 0.5) / 2000 for i in range(2000)]
    exact = sum(there.pdf(grid) * elsewhere.cdf(grid)) / 2000
    assert found.probability == pytest.approx(exact, abs=2e-3)


@given(st.floats(-8, 8))
def test_the_normal_distribution(z: float) -> None:
    assert below(z) == pytest.approx(stats.norm.cdf(z), rel=1e-9)


def test_where_most_trials_are_against_it_a_claim_is_no_stronger_than_they_allow() -> None:
    against = tuple(str(number) for number in range(13))
    assert Evidence(0.99, (), against).strength == pytest.approx(1 / 15)
    assert Evidence(0.01, (), against).strength == 0.01
    assert Evidence(0.99, ("1", "2"), ("3",)).strength == 0.99
    assert Evidence(None).strength is None


def test_what_rises_ever_less_is_better_higher_though_it_is_level_where_the_best_is() -> None:
    rising = Lab(floats("a"), {"a": 0.95}, lambda v: -1 / (0.1 + float(v["a"])), error=0.1)
    rising.wander(25)
    learned = learn(rising.lessons, rising.history, rising.sources)
    higher, lower = (weigh(Claim(form, "a"), learned) for form in (Form.HIGHER, Form.LOWER))
    assert higher.holds and not lower.holds
    assert higher.probability is not None and higher.probability > 0.95
