"""The seed's own move: its stream of draws, and that nothing but the seed decides about it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from nightlab.governance.mutation import PREFIX, TOGGLES, TUNABLES, Mutation, draws
from nightlab.program.space import BoolParameter, FloatParameter, Parameter, Space
from nightlab.propose import NothingToPropose
from nightlab.propose.build import build_proposer
from nightlab.propose.conformance import sample_history, sample_setting, sample_trial
from nightlab.propose.settings import ProposeSettings
from nightlab.types import Decision, Refusal, Trial, Value

START: dict[str, Value] = {
    "transaction_tax_rate": 0.0,
    "audit_probability": 0.1,
    "audit_threshold_p": 0.5,
    "freeze_threshold_toxicity": 0.7,
    "incoherence_friction_rate": 0.1,
    "audit_enabled": False,
    "circuit_breaker_enabled": False,
    "incoherence_friction_enabled": False,
}
VALUES = {PREFIX + name: value for name, value in START.items()}
Accept = Callable[[int], bool]


def space(*without: str) -> Space:
    parameters: dict[str, Parameter] = {
        PREFIX + name: FloatParameter(type="float", low=low, high=high, step=step)
        for name, (low, high, step) in TUNABLES.items()
    }
    parameters |= {PREFIX + name: BoolParameter(type="bool") for name in TOGGLES}
    return Space({n: p for n, p in parameters.items() if n.removeprefix(PREFIX) not in without})


def mutation(seed: int = 42, *without: str) -> Mutation:
    settings = ProposeSettings.model_validate({"with": "random", "seed": seed, "name": "mutation"})
    return Mutation(settings, sample_setting(space(*without)))


def restated(seed: int, accept: Accept, count: int) -> list[tuple[str, Value, Value]]:
    """The rule once more, plainly: lever, old and new of each iteration."""
    chance, best, told = random.Random(seed), dict(START), []
    for number in range(1, count + 1):
        if chance.random() < 0.7:
            name = chance.choice(list(TUNABLES))
            low, high, step = TUNABLES[name]
            old: Value = best[name]
            new: Value = round(min(high, max(low, float(old) + step * chance.choice([-1, 1]))), 6)
        else:
            name = chance.choice(list(TOGGLES))
            old, new = best[name], not best[name]
        told.append((name, old, new))
        if accept(number):
            best[name] = new
    return told


def tried(
    accept: Accept, count: int, make: Callable[[], Mutation], anew: bool = False
) -> list[tuple[str, Value, Value]]:
    """What it proposes in a campaign that refuses what changes nothing; anew for each if so.

    It ends where every move from the best is known.
    """
    told: list[tuple[str, Value, Value]] = []
    trials: list[Trial] = []
    refusals: list[Refusal] = []
    proposer = make()
    for number in range(1, count + 1):
        proposer = make() if anew else proposer
        history = replace(sample_history(*trials, parameters=VALUES), refusals=tuple(refusals))
        before = history.incumbent.parameters
        try:
            idea = proposer.propose(history)
        except NothingToPropose:
            break
        ((name, new),) = idea.parameters.items()
        told.append((name.removeprefix(PREFIX), before[name], new))
        if new == before[name]:
            refusals.append(Refusal(len(trials), idea.summary, idea.emitter, "the same"))
            proposer.refused(idea, "it changes nothing")
            continue
        kept = Decision.KEEP if accept(number) else Decision.DISCARD
        made = sample_trial(len(trials) + 1, {**before, **idea.parameters}, 0.9, kept)
        parent = history.incumbent.commit
        trials.append(replace(made, moved=idea.parameters, emitter=idea.emitter, parent=parent))
    return told


@pytest.mark.parametrize("accept", [lambda n: False, lambda n: True, lambda n: n % 3 == 0])
@pytest.mark.parametrize("seed", [0, 42, 7])
def test_it_makes_the_moves_of_the_rule(seed: int, accept: Accept) -> None:
    found = tried(accept, 120, lambda: mutation(seed))
    assert found == restated(seed, accept, 120)[: len(found)]
    assert len(found) >= (120 if accept(1) else 12)


def test_a_resume_goes_on_with_the_stream() -> None:
    accept: Accept = lambda number: number % 4 == 0  # noqa: E731
    alone = tried(accept, 80, lambda: mutation(3))
    assert tried(accept, 80, lambda: mutation(3), anew=True) == alone
    assert any(old == new for _, old, new in alone), "a clamped move is among them"


def test_the_same_seed_draws_the_same_whatever_is_accepted() -> None:
    never, always = ([name for name, *_ in tried(a, 60, mutation)] for a in (_never, _always))
    assert always == [draw.lever for draw in islice(draws(42), 60)]
    assert never == always[: len(never)] and len(never) >= 12
    assert always != [draw.lever for draw in islice(draws(43), 60)]


def _never(number: int) -> bool:
    return False


def _always(number: int) -> bool:
    return True


def test_a_lever_that_the_space_lacks_is_passed_over() -> None:
    lacking = ("audit_probability", "circuit_breaker_enabled")
    names = [name for name, *_ in tried(_never, 60, lambda: mutation(42, *lacking))]
    left = [d.lever for d in islice(draws(42), 200) if d.lever not in lacking]
    assert names == left[: len(names)] and len(names) >= 9


def test_trials_of_others_are_no_draws() -> None:
    plain = mutation().propose(sample_history(parameters=VALUES))
    name, value = PREFIX + "audit_enabled", True
    human = sample_trial(1, {**VALUES, name: value}, 1.2, Decision.DISCARD)
    other = replace(human, moved={name: value}, emitter="human", parent="c0")
    assert mutation().propose(sample_history(other, parameters=VALUES)) == plain
    odd = replace(human, moved={"governance.rent": 3}, emitter="mutation", parent="c0")
    assert mutation().propose(sample_history(odd, parameters=VALUES)) == plain


def test_a_value_beyond_the_range_is_brought_into_it() -> None:
    name = PREFIX + "audit_threshold_p"
    only = [each for each in (*TUNABLES, *TOGGLES) if each != "audit_threshold_p"]
    idea = mutation(42, *only).propose(sample_history(parameters={**VALUES, name: 0.0}))
    assert idea.parameters == {name: 0.1}


def tax(seed: int = 42) -> Mutation:
    """One that moves the tax alone."""
    return mutation(seed, *TOGGLES, *(n for n in TUNABLES if n != "transaction_tax_rate"))


def test_after_some_refusals_it_runs_on_to_a_move_that_is_new() -> None:
    proposer, history, moved = mutation(), sample_history(parameters=VALUES), []
    for _ in range(40):
        try:
            idea = proposer.propose(history)
        except NothingToPropose:
            break
        moved.append(idea.parameters)
        proposer.refused(idea, "already tried")
    assert len(moved) < 30 and any(move in moved[:at] for at, move in enumerate(moved[:10]))
    after = moved[10:]
    assert after and not [
        move for at, move in enumerate(after) if move in [*moved[:10], *after[:at]]
    ]
    assert not [move for move in after if move.items() <= VALUES.items()]
    assert len({tuple(move.items()) for move in moved} - set(VALUES.items())) >= 12


def test_it_ends_as_soon_as_every_move_is_known() -> None:
    name = PREFIX + "transaction_tax_rate"
    made = sample_trial(1, {**VALUES, name: 0.02}, 1.2, Decision.DISCARD)
    up = replace(made, moved={name: 0.02}, parent="c0", emitter="mutation")
    known = r"all of its moves from the best are known \(1\); moves decided in all: 1"
    with pytest.raises(NothingToPropose, match=f"{known}$"):
        tax().propose(sample_history(up, parameters=VALUES))
    still = replace(up, number=2, commit="c2", verdict=None)
    with pytest.raises(NothingToPropose, match=f"{known}, 1 still open$"):
        tax().propose(sample_history(up, still, parameters=VALUES))
    kept = sample_trial(1, {**VALUES, name: 0.02}, 0.8, Decision.KEEP)
    proposer, history = tax(3), sample_history(kept, parameters=VALUES)
    asked = [proposer.propose(history).parameters[name]]
    assert asked[0] in (0.0, 0.04), "back, or on"


def test_what_cannot_be_made_is_no_move() -> None:
    toggle, rate = PREFIX + "audit_enabled", PREFIX + "audit_probability"
    parameters = {
        toggle: BoolParameter(type="bool"),
        rate: FloatParameter(type="float", low=0.1, high=1, when={toggle: True}),
    }
    values: dict[str, Value] = {toggle: False, rate: 0.1}
    settings = ProposeSettings.model_validate({"with": "random", "name": "mutation"})
    proposer = Mutation(settings, sample_setting(Space(parameters)))
    on = sample_trial(1, {**values, toggle: True}, 1.2, Decision.DISCARD)
    with pytest.raises(NothingToPropose, match=r"known \(1\)"):
        proposer.propose(sample_history(on, parameters=values))
    on = sample_trial(1, {**values, toggle: True}, 0.8, Decision.KEEP)
    up = sample_trial(2, {**values, toggle: True, rate: 0.15}, 1.2, Decision.DISCARD)
    with pytest.raises(NothingToPropose, match=r"known \(2\)"):
        proposer.propose(sample_history(on, up, parameters=values))


def test_a_space_without_its_levers_is_said() -> None:
    with pytest.raises(NothingToPropose, match="audit_enabled"):
        mutation(42, *TUNABLES, *TOGGLES).propose(sample_history(parameters=VALUES))


def test_it_is_found_by_its_dotted_path() -> None:
    settings = ProposeSettings.model_validate({"with": "nightlab.governance.mutation:Mutation"})
    proposer = build_proposer([settings], sample_setting(space()))
    idea = proposer.propose(sample_history(parameters=VALUES))
    assert (idea.emitter, len(idea.parameters)) == ("mutation", 1)
    assert " -> " in idea.summary


def test_it_is_what_upstream_does() -> None:
    upstream = pytest.importorskip(
        "swarm.analysis.autoresearch", reason="swarm-safety is not installed", exc_type=ImportError
    )
    assert dict(upstream.NUMERIC_TUNABLES) == dict(TUNABLES)
    assert tuple(upstream.BOOLEAN_TOGGLES) == TOGGLES
    for seed in (0, 42):
        told = tried(_always, 100, lambda seed=seed: mutation(seed))
        theirs = list(islice(_upstream(upstream._mutate_governance, seed), 100))
        assert [(name, old) for name, old, _ in told] == [(name, old) for name, old, _ in theirs]
        assert [new for *_, new in told] == pytest.approx([new for *_, new in theirs], abs=1e-6)


def _upstream(mutate: Any, seed: int) -> Iterator[tuple[str, Value, Value]]:
    """What the package itself does to a configuration, each change accepted."""
    governance = SimpleNamespace(**START)
    scenario = SimpleNamespace(orchestrator_config=SimpleNamespace(governance_config=governance))
    chance = random.Random(seed)
    while True:
        yield mutate(scenario, chance)
