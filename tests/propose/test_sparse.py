"""The sparse proposer: what moves together, what it learns, and that it is quick."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

import pytest

from nightlab.program.policy import parse_policy
from nightlab.program.space import (
    BoolParameter,
    ChoiceParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    Space,
)
from nightlab.propose import NothingToPropose, Setting
from nightlab.propose.build import build_proposer
from nightlab.propose.conformance import (
    check_proposer,
    sample_history,
    sample_setting,
    sample_trial,
)
from nightlab.propose.settings import ProposeSettings
from nightlab.propose.sparse import SparseProposer
from nightlab.propose.sparse.columns import Columns
from nightlab.propose.sparse.evidence import Records, limits_of
from nightlab.types import Decision, History, Idea, Parameters, Trial, Value

Loss = Callable[[Parameters], float]


def number(**given: object) -> FloatParameter:
    return FloatParameter.model_validate({"type": "float", "low": 0.0, "high": 1.0, **given})


def switches() -> Space:
    """A switch with two parameters of its own, among plain ones."""
    return Space(
        {
            "audits": BoolParameter(type="bool"),
            "rate": number(when={"audits": True}),
            "fine": number(when={"audits": True}),
            "tax": number(),
            "kind": ChoiceParameter(type="choice", choices=("a", "b", "c")),
            "size": IntParameter(type="int", low=1, high=9, step=2),
        }
    )


OFF: dict[str, Value] = {
    "audits": False,
    "rate": 0.1,
    "fine": 0.5,
    "tax": 0.2,
    "kind": "a",
    "size": 3,
}


def sparse(setting: Setting, **given: object) -> SparseProposer:
    return SparseProposer(ProposeSettings.model_validate({"with": "sparse", **given}), setting)


def trial(number: int, before: Parameters, moved: Parameters, loss: float | None) -> Trial:
    decision = Decision.DISCARD if loss is not None else Decision.CRASH
    made = sample_trial(number, {**before, **moved}, loss, decision)
    return replace(made, moved=moved, parent="c0")


def ideas(history: History, space: Space, count: int, **given: object) -> list[Idea]:
    """What it proposes at one instant, with one seed after the other."""
    setting = sample_setting(space)
    return [sparse(setting, seed=seed, **given).propose(history) for seed in range(count)]


@pytest.mark.parametrize("given", [{}, {"at_once": 1}, {"seed": 5, "name": "few"}])
def test_the_contract_holds(given: dict[str, object]) -> None:
    settings = ProposeSettings.model_validate({"with": "sparse", **given})
    check_proposer(lambda setting: build_proposer([settings], setting))


@pytest.mark.parametrize(("given", "most"), [({}, 4), ({"at_once": 1}, 1), ({"at_once": 2}, 2)])
def test_so_many_move_at_most(given: dict[str, object], most: int) -> None:
    counts = Counter(
        len(idea.parameters)
        for idea in ideas(sample_history(parameters=OFF), switches(), 60, **given)
    )
    assert set(counts) == set(range(1, most + 1))


def test_a_switch_is_turned_on_with_draws_of_what_hangs_on_it() -> None:
    proposed = ideas(sample_history(parameters=OFF), switches(), 80)
    on = [idea.parameters for idea in proposed if idea.parameters.get("audits")]
    assert on
    assert any({"rate", "fine"} & moved.keys() for moved in on)
    for idea in proposed:
        if "audits" not in idea.parameters:
            assert not {"rate", "fine"} & idea.parameters.keys(), "it has no effect"
        assert not switches().out_of_range(idea.parameters)
        assert all(OFF[name] != value for name, value in idea.parameters.items())
        assert idea.emitter == "sparse"
        assert idea.why


def test_switching_off_leaves_the_parameters() -> None:
    proposed = ideas(sample_history(parameters={**OFF, "audits": True}), switches(), 80)
    off = [idea.parameters for idea in proposed if idea.parameters.get("audits") is False]
    assert off
    assert not any({"rate", "fine"} & moved.keys() for moved in off)


def test_one_mechanism_alone_moves_where_that_is_asked() -> None:
    setting = replace(sample_setting(switches()), one_mechanism=True)
    history = sample_history(
        trial(1, OFF, {"tax": 0.9, "kind": "b"}, 0.8),
        trial(2, OFF, {"size": 5}, 0.9),
        parameters=OFF,
    )
    proposed = [sparse(setting, seed=seed).propose(history).parameters for seed in range(60)]
    assert {frozenset(moved) for moved in proposed} == {
        frozenset({name}) for name in ("audits", "tax", "kind", "size")
    }


def test_what_was_measured_is_not_proposed_again() -> None:
    space = Space({"a": BoolParameter(type="bool"), "b": BoolParameter(type="bool")})
    start: dict[str, Value] = {"a": False, "b": False}
    trials = [trial(1, start, {"a": True}, 1.0), trial(2, start, {"b": True}, 1.0)]
    for idea in ideas(sample_history(*trials, parameters=start), space, 20):
        assert idea.parameters == {"a": True, "b": True}


def test_nothing_to_vary_is_said() -> None:
    with pytest.raises(NothingToPropose, match=r"change\.space"):
        sparse(sample_setting(Space({}))).propose(sample_history(parameters={}))


def wide(loss: Loss, count: int, noise: float, seed: int = 0) -> tuple[Space, History]:
    """What a campaign knows of 40 parameters after so many random trials that kept nothing."""
    space = Space({f"p{at}": number() for at in range(40)})
    start = dict.fromkeys(space.parameters, 0.5)
    random, trials = Random(seed), []
    for at in range(1, count + 1):
        moved = {name: space.draw(name, random) for name in random.sample(list(start), 3)}
        seen = loss({**start, **moved}) + random.gauss(0, noise)
        made = trial(at, start, moved, seen)
        runs = tuple(
            replace(run, metrics={"loss": seen + random.gauss(0, noise)}) for run in made.runs
        )
        trials.append(replace(made, runs=runs))
    return space, sample_history(*trials, parameters=start)


def test_it_learns_which_parameters_pay_and_which_way() -> None:
    def loss(p: Parameters) -> float:
        return 1.0 - 2.0 * (float(p["p3"]) - 0.5) + 2.0 * (float(p["p7"]) - 0.5)

    space, history = wide(loss, 120, 0.1)
    proposed = ideas(history, space, 40)
    gains = [1.0 - loss({**history.baseline.parameters, **idea.parameters}) for idea in proposed]
    assert sum(gain > 0.3 for gain in gains) > 25
    moved = Counter(name for idea in proposed for name in idea.parameters)
    assert {name for name, _ in moved.most_common(2)} == {"p3", "p7"}
    assert len(moved) > 10, "it goes on looking elsewhere"


def test_a_gain_that_breaks_a_guardrail_is_not_gone_after() -> None:
    space = Space({name: number() for name in ("bought", "honest", *(f"p{i}" for i in range(8)))})
    start = dict.fromkeys(space.parameters, 0.5)
    random, trials = Random(1), []
    for at in range(1, 81):
        moved = {name: space.draw(name, random) for name in random.sample(list(start), 2)}
        values = {**start, **moved}
        bought, honest = (float(values[n]) - 0.5 for n in ("bought", "honest"))
        made = trial(at, start, moved, 1.0)
        runs = tuple(
            replace(
                run,
                metrics={
                    "loss": 1.0 - 2 * bought - honest + random.gauss(0, 0.05),
                    "welfare": 10.0 - 8 * bought + random.gauss(0, 0.2),
                },
            )
            for run in made.runs
        )
        trials.append(replace(made, runs=runs))
    told = sample_history(*trials, parameters=start)
    runs = tuple(replace(r, metrics={**r.metrics, "welfare": 10.0}) for r in told.baseline.runs)
    history = replace(told, baseline=replace(told.baseline, runs=runs))
    history = replace(history, incumbent=history.baseline)

    def up(policy: str, name: str) -> int:
        setting = replace(sample_setting(space), policy=parse_policy(policy))
        found = [sparse(setting, seed=seed).propose(history).parameters for seed in range(40)]
        return sum(float(moved.get(name, 0.0)) > 0.6 for moved in found)

    free = "PRIMARY: minimize loss"
    bound = f"{free}\nGUARDRAILS:\n- welfare must not decrease by > 5%"
    assert up(free, "bought") > 25
    assert up(bound, "bought") < 10
    assert up(bound, "honest") > 25


def test_limits_are_moves_from_the_baseline() -> None:
    history = sample_history(parameters={"width": 8})
    rules = "- loss must not increase by > 20%\n- loss must stay >= 0.4"
    policy = f"PRIMARY: minimize loss\nGUARDRAILS:\n{rules}"
    found = [(each.sign, each.most) for each in limits_of(parse_policy(policy), history)]
    assert found == [(1, pytest.approx(0.2)), (-1, pytest.approx(0.6))]


def test_crashes_count_as_the_worst_that_was_seen() -> None:
    start: dict[str, Value] = {"width": 8, "rate": 0.01}
    history = sample_history(
        trial(1, start, {"width": 16}, 3.0),
        trial(2, start, {"width": 64}, None),
        parameters=start,
    )
    setting = sample_setting()
    seen = Records(setting.space, setting.policy).read(history).measured[:, 0]
    assert seen[0] == seen[1] < 0


def test_a_place_is_zero_at_the_baseline_and_where_nothing_has_an_effect() -> None:
    columns = Columns(switches(), OFF)
    assert not columns.row(OFF).any()
    assert not columns.row({**OFF, "rate": 0.9}).any()
    on = columns.row({**OFF, "audits": True, "rate": 0.9})
    assert sorted(on[on != 0]) == pytest.approx([0.64, 0.8, 1.0])
    assert columns.below["audits"] == {"rate", "fine"}


def test_one_that_lived_on_and_one_that_was_restarted_agree() -> None:
    space, history = wide(lambda p: float(p["p3"]), 30, 0.1)
    lasting = sparse(sample_setting(space))
    for count in (5, 12, 30):
        then = replace(history, trials=history.trials[:count])
        assert lasting.propose(then) == sparse(sample_setting(space)).propose(then)


def test_a_wide_space_and_a_long_campaign_cost_milliseconds() -> None:
    parameters: Mapping[str, Parameter] = {f"p{at}": number() for at in range(150)}
    space = Space(parameters)
    start = dict.fromkeys(parameters, 0.5)
    random = Random(0)
    trials = [
        trial(at, start, {n: space.draw(n, random) for n in random.sample(list(start), 3)}, 1.1)
        for at in range(1, 1001)
    ]
    history = sample_history(*trials, parameters=start)
    proposer = sparse(sample_setting(space))
    proposer.propose(history)
    took = []
    for _ in range(5):
        began = time.process_time()
        proposer.propose(history)
        took.append(time.process_time() - began)
    assert min(took) < 0.1  # 0.016 s where nothing else runs
