"""Effects: known functions are found again, and noise is taken for what it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import Lab, floats, space_of

from nightlab.remember.memory import Past, Sources, recall
from nightlab.remember.memory.effects import LAST, Learned, effects, learn
from nightlab.remember.memory.steps import moves, steps_of
from nightlab.types import Effect

NAMES = ("a", "b", "c", "d", "e", "f")
MIDDLE = dict.fromkeys(NAMES, 0.5)
MUON = space_of(
    opt={"type": "choice", "choices": ["adamw", "muon", "lion"]},
    rate={"type": "float", "low": 1e-4, "high": 1.0, "log": True, "when": {"opt": "muon"}},
    fused={"type": "bool"},
)


def learned(lab: Lab) -> Learned:
    return learn(lab.lessons, lab.history, lab.sources)


def effect(lab: Lab, name: str, value: object = None) -> Effect:
    found = learned(lab).effects
    return next(e for e in found if e.name == name and e.value == value and not e.of_kind)


@pytest.mark.parametrize("at_once", [1, 3, 6])
def test_a_linear_function_is_found_again(at_once: int) -> None:
    def score(values: dict[str, float]) -> float:
        return 10 * values["a"] - 10 * values["b"]

    lab = Lab(floats(*NAMES), MIDDLE, score, seed=at_once).wander(80, at_once)
    assert [e.name for e in learned(lab).effects if not e.of_kind][:2] in (["a", "b"], ["b", "a"])
    for name, true in {"a": 10, "b": -10}.items():
        found = effect(lab, name)
        assert abs(found.gain - true) < 3 * found.error < 7


def test_errors_are_honest_where_effects_are_drawn_as_the_prior_has_it() -> None:
    inside = total = 0
    for seed in range(40):
        lab = Lab(floats(*NAMES), MIDDLE, seed=seed)
        true = {name: lab.random.gauss(0, 5) for name in NAMES}
        lab.score = lambda v, true=true: sum(true[name] * v[name] for name in NAMES)
        for found in learned(lab.wander(40, 2)).effects:
            if not found.of_kind:
                inside += abs(found.gain - true[found.name]) < 2 * found.error
                total += 1
    assert 0.88 < inside / total <= 1


def test_pure_noise_has_no_clear_effect_in_nine_of_ten_campaigns() -> None:
    clear = 0
    for seed in range(60):
        found = learned(Lab(floats(*NAMES), MIDDLE, seed=seed).wander(40, 1 + seed % 6)).effects
        clear += any(abs(e.gain) >= 1.6 * e.error for e in found if not e.of_kind)
    assert clear <= 6


def test_scatter_that_the_errors_know_nothing_of_is_no_effect_either() -> None:
    clear = 0
    for seed in range(40):
        lab = Lab(floats(*NAMES), MIDDLE, error=0.01, seed=seed)
        for _ in range(40):
            moved = {name: lab.random.random() for name in lab.random.sample(NAMES, 2)}
            lab.try_(gain=lab.random.gauss(0, 1), **moved)
        found = learned(lab).effects
        clear += any(abs(e.gain) >= 1.6 * e.error for e in found if not e.of_kind)
    assert clear <= 4


def test_the_best_option_of_a_choice_stands_out_over_the_others() -> None:
    space = space_of(opt={"type": "choice", "choices": ["adamw", "muon", "lion"]})
    worth = {"adamw": 0.0, "muon": 3.0, "lion": 0.0}
    lab = Lab(space, {"opt": "adamw"}, lambda values: worth[values["opt"]])  # type: ignore[index]
    lab.wander(40)
    best, other = effect(lab, "opt", "muon"), effect(lab, "opt", "lion")
    assert best.gain > 2 * best.error > 0 > other.gain
    assert abs(best.gain - 3) < 3 * best.error


def test_the_luck_of_what_all_were_measured_against_is_no_effect() -> None:
    lab = Lab(floats("a", "b"), {"a": 0.0, "b": 0.5}, lambda v: 0.0, seed=4)
    for step in range(1, 21):  # the incumbent was lucky by one error
        lab.try_(a=step / 20, gain=-1 + lab.random.gauss(0, 1))
    found = effect(lab, "a")
    assert abs(found.gain) < 2 * found.error


def test_without_any_noise_the_effect_is_nearly_exact() -> None:
    lab = Lab(floats("a"), {"a": 0.5}, lambda v: 2 * v["a"], error=0.0).wander(10)
    found = effect(lab, "a")
    assert abs(found.gain - 2) < 0.05 and found.error < 0.05


def test_at_the_top_of_a_hill_there_is_no_way_up_however_steep_the_climb_was() -> None:
    lab = Lab(floats("a", "b"), {"a": 0.0, "b": 0.0}, lambda v: -80 * (v["a"] - 0.5) ** 2, seed=3)
    for place in (0.1, 0.2, 0.3, 0.4, 0.5):
        for b in (0.2, 0.8):
            lab.try_(a=place, b=b)
        lab.try_(a=place, keep=True)
        climbing = effect(lab, "a")
        assert climbing.gain > 1.6 * climbing.error or place in (0.1, 0.5)
    for place in (0.2, 0.4, 0.6, 0.8):
        lab.try_(a=place)
    top = effect(lab, "a")
    assert abs(top.gain) < min(2 * top.error, 15)
    up, down = (learned(lab).predict({"a": 0.5}, {"a": place}) for place in (0.9, 0.1))
    assert -20 < up[0] < -6 and -20 < down[0] < -6


def test_one_wild_loss_does_not_decide() -> None:
    lab = Lab(floats("a"), {"a": 0.5}, lambda v: 6 * v["a"], seed=2).wander(40)
    before = effect(lab, "a")
    lab.try_(a=1.0, gain=-1e6)
    assert effect(lab, "a").gain == pytest.approx(before.gain, rel=0.5)


def test_a_gain_is_of_the_way_from_what_it_was_measured_against() -> None:
    lab = Lab(floats("a"), {"a": 0.0})
    lab.try_(a=0.5, gain=5.0, keep=True)
    lab.try_(a=1.0, gain=5.0)
    steps = steps_of(lab.lessons, lab.history, lab.sources)
    assert [step.moved for step in steps] == [{("a", -1): 0.5}, {("a", -1): 0.5}]
    unsaid = replace(lab.trials[1], verdict=replace(lab.trials[1].verdict, evidence={}))  # type: ignore[type-var]
    history = replace(lab.history, trials=[lab.trials[0], unsaid])
    lessons = [lab.lessons[0], replace(lab.lessons[1], trial=unsaid)]
    assert steps_of(lessons, history, lab.sources)[1].moved == {("a", -1): 0.5}


def test_a_trial_that_is_said_to_be_against_itself_is_against_its_parent() -> None:
    lab = Lab(floats("a"), {"a": 0.0})
    lab.try_(a=0.5, gain=5.0, keep=True)
    lab.settle(False, False, 1.0, parameters={"a": 1.0})
    odd = replace(lab.trials[1].verdict, evidence={"against": 2, "gain": 1.0})  # type: ignore[type-var]
    lab.trials[1] = replace(lab.trials[1], verdict=odd)
    (_, step) = steps_of(lab.lessons, lab.history, lab.sources)
    assert (step.against, step.moved) == ("/1", {("a", -1): 0.5})


def test_earlier_campaigns_count_by_their_own_parents() -> None:
    space, sources = floats("a"), Sources(floats("a"))
    old = Lab(space, {"a": 0.9}, lambda v: 8 * v["a"], seed=1).wander(30)
    new = Lab(space, {"a": 0.1})
    new.try_(a=0.2)
    found = recall(new.history, Sources(space, past=(Past("nov19", old.history),))).effects
    here = next(e for e in found if e.name == "a")
    assert abs(here.gain - 8) < 3 * here.error < 8
    assert len(here.lessons) == 31 and here.lessons[0] == "nov19/1" and here.lessons[-1] == "1"
    alone = next(e for e in recall(new.history, sources).effects if e.name == "a")
    assert alone.error > here.error


def test_what_was_edited_beyond_parameters_tells_of_kinds_alone() -> None:
    lab = Lab(floats("a"), {"a": 0.5})
    for _ in range(6):
        lab.edit(3.0, about={"attention": 2}, parameters={"a": 1.0}, lines=-3)
        lab.edit(-3.0, about={"schedule": 1}, lines=2)
    found = {e.name: e for e in learned(lab).effects}
    assert set(found) == {"attention", "schedule", "simplification"}
    assert found["attention"].gain > 2 * found["attention"].error
    assert found["schedule"].gain < -2 * found["schedule"].error
    assert found["simplification"].gain == pytest.approx(found["attention"].gain)
    assert found["schedule"].lessons == ("2", "4", "6", "8", "10", "12")


def test_a_kind_is_the_mean_of_its_trials_whether_they_shorten_the_study_or_not() -> None:
    lab = Lab(floats("a"), {"a": 0.5})
    for _ in range(30):
        lab.edit(3.0 + lab.random.gauss(0, 1), about={"attention": 1}, lines=-4)
        lab.edit(-3.0 + lab.random.gauss(0, 1), about={"attention": 1}, lines=4)
    found = {e.name: e for e in learned(lab).effects}
    assert abs(found["attention"].gain) < 1
    assert found["simplification"].gain > 2


def test_a_kind_with_few_trials_is_drawn_to_the_others() -> None:
    lab = Lab(floats("a"), {"a": 0.5})
    for _ in range(20):
        lab.edit(-1.0 + lab.random.gauss(0, 1), about={"schedule": 1})
    lab.edit(2.0, about={"attention": 1})
    found = {e.name: e for e in learned(lab).effects}
    assert found["schedule"].gain < found["attention"].gain < 1.5
    assert found["attention"].error > 1.5 * found["schedule"].error


def test_a_crash_has_no_gain_to_learn_from() -> None:
    lab = Lab(floats("a"), {"a": 0.5})
    lab.try_(a=0.9, gain=0.0, crash=True)
    assert learned(lab).effects == []


def test_prediction_adds_up_what_moves_and_knows_its_error() -> None:
    lab = Lab(floats("a", "b"), {"a": 0.5, "b": 0.5}, lambda v: 8 * v["a"] + 4 * v["b"], 0.5)
    known = learned(lab.wander(60, 2))
    gain, error = known.predict({"a": 0.0, "b": 0.0}, {"a": 0.5, "b": 1.0})
    assert abs(gain - 8) < 3 * error < 3
    assert known.predict({"a": 0.3}, {"a": 0.3}) == (0.0, 0.0)
    back, same = known.predict({"a": 0.5, "b": 1.0}, {"a": 0.0, "b": 0.0})
    assert back == pytest.approx(-gain) and same == pytest.approx(error)


def test_prediction_of_an_option_is_the_difference_of_the_two() -> None:
    worth = {"adamw": 0.0, "muon": 6.0, "lion": -6.0}
    space = space_of(opt={"type": "choice", "choices": list(worth)})
    lab = Lab(space, {"opt": "adamw"}, lambda v: worth[v["opt"]], 0.3)  # type: ignore[index]
    gain, error = learned(lab.wander(40)).predict({"opt": "lion"}, {"opt": "muon"})
    assert abs(gain - 12) < max(3 * error, 0.5)


def test_what_has_no_effect_does_not_move() -> None:
    idle = {"opt": "adamw", "rate": 0.01, "fused": False}
    assert moves(MUON, idle, {**idle, "rate": 0.1}) == {}
    live = {**idle, "opt": "muon"}
    assert moves(MUON, live, {**live, "rate": 0.1}) == {("rate", -1): pytest.approx(0.25)}
    assert moves(MUON, idle, {**idle, "fused": True}) == {("fused", 0): -1.0, ("fused", 1): 1.0}


values = st.one_of(
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.text(max_size=4),
    st.just("muon"),
)


@given(st.dictionaries(st.sampled_from(sorted(MUON.parameters)), values))
def test_values_that_are_none_of_the_parameter_are_no_move(after: dict[str, object]) -> None:
    before = {"opt": "muon", "rate": 0.01, "fused": True}
    for (name, _), way in moves(MUON, before, after).items():  # type: ignore[arg-type]
        assert name in after and abs(way) <= 1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(1e-6, 1e6))
def test_another_unit_of_the_metric_only_scales_the_effects(seed: int, unit: float) -> None:
    one = Lab(floats("a", "b"), {"a": 0.5, "b": 0.5}, lambda v: 3 * v["a"], 1.0, seed)
    other = Lab(floats("a", "b"), {"a": 0.5, "b": 0.5}, lambda v: 3 * unit * v["a"], unit, seed)
    ours = {e.name: e for e in learned(one.wander(20, 2)).effects}
    for found in learned(other.wander(20, 2)).effects:
        assert found.gain == pytest.approx(unit * ours[found.name].gain, rel=1e-4, abs=1e-9 * unit)
        assert found.error == pytest.approx(unit * ours[found.name].error, rel=1e-4)


def test_the_same_lessons_give_the_same_effects_and_old_ones_drop_out() -> None:
    lab = Lab(floats("a"), {"a": 0.5})
    for _ in range(60):
        lab.try_(a=0.9, gain=5.0)
    for _ in range(LAST):
        lab.try_(a=0.9, gain=-5.0)
    found = effects(lab.lessons, lab.history, lab.sources)
    assert found == effects(lab.lessons, lab.history, lab.sources)
    assert next(e for e in found if e.name == "a").lessons[0] == "61"


def test_a_lever_that_few_trials_moved_is_not_cut_down() -> None:
    of = Lab(floats("lever", *"abcdefg"), dict.fromkeys(["lever", *"abcdefg"], 0.5), error=0.05)
    for number in range(36):
        of.try_(gain=of.random.gauss(0, 0.05), **{"abcdefg"[number % 7]: of.random.random()})
    for place in (0.0, 1.0, 0.1, 0.9):
        of.try_(gain=(place - 0.5) + of.random.gauss(0, 0.05), lever=place)
    (found,) = [e for e in effects(of.lessons, of.history, of.sources) if e.name == "lever"]
    assert found.gain == pytest.approx(1.0, abs=0.2)
