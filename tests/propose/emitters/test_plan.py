"""The plan for whoever writes the next trial by hand."""

from __future__ import annotations

from dataclasses import replace

from nightlab.propose.conformance import sample_history, sample_trial
from nightlab.propose.emitters import EMITTERS, load_emitter
from nightlab.propose.emitters.plan import aim, plan_next
from nightlab.propose.settings import ProposeSettings
from nightlab.types import Decision, Effect, Lesson, Memory, Niche, Phase

KINDS = {"a": "optimizer", "b": "attention", "c": "optimizer"}


def lesson(number: int, kind: str, gain: float = -0.1) -> Lesson:
    trial = replace(sample_trial(number, {}, 1.1, Decision.DISCARD), about={kind: 1})
    return Lesson("", trial, Niche(kind), gain, 0.05, gain)


def settings(**given: object) -> ProposeSettings:
    return ProposeSettings.model_validate({"with": "emitters", **given})


def test_a_plan_names_an_emitter_its_role_and_why_now() -> None:
    plan = plan_next(sample_history(parameters={}), Memory(), KINDS, settings())
    assert plan is not None and plan.emitter in EMITTERS
    assert plan.hypothesis == load_emitter(plan.emitter).role
    assert plan.phase is Phase.SETUP and "0 keeps in 0 runs" in plan.why


def test_asking_again_gives_the_same_plan_and_another_trial_another() -> None:
    history = sample_history(parameters={})
    assert plan_next(history, Memory(), KINDS, settings()) == plan_next(
        history, Memory(), KINDS, settings()
    )
    trials = [sample_trial(n, {}, 1.1, Decision.DISCARD) for n in range(1, 30)]
    plans = [
        plan_next(sample_history(*trials[:n], parameters={}), Memory(), KINDS, settings())
        for n in range(30)
    ]
    assert len({plan.emitter for plan in plans if plan}) >= 4


def test_roles_that_need_facts_are_left_out_without() -> None:
    named = settings(emitters=["recombinator", "simplifier"])
    trials = [sample_trial(n, {}, 1.1, Decision.DISCARD) for n in range(1, 30)]
    for n in range(30):
        plan = plan_next(sample_history(*trials[:n], parameters={}), Memory(), KINDS, named)
        assert plan is not None and plan.emitter == "simplifier"
    alone = settings(emitters=["recombinator"])
    assert plan_next(sample_history(parameters={}), Memory(), KINDS, alone) is None


def test_one_that_fails_to_tell_its_facts_is_left_out() -> None:
    """The recombinator joins lines of diffs, and here a diff is no text."""
    broken = lesson(1, "optimizer", 0.01)
    broken = replace(broken, trial=replace(broken.trial, diff=None))  # type: ignore[arg-type]
    memory = Memory(near_misses=[broken, lesson(2, "attention", 0.01)])
    named = settings(emitters=["recombinator", "architecture_mutator"])
    for n in range(10):
        trials = [sample_trial(m + 1, {}, 1.1, Decision.DISCARD) for m in range(n)]
        plan = plan_next(sample_history(*trials, parameters={}), memory, KINDS, named)
        assert plan is not None and plan.emitter == "architecture_mutator"


def test_it_aims_at_what_was_tried_least() -> None:
    tried = [lesson(1, "optimizer"), lesson(2, "optimizer")]
    assert aim(Memory(Phase.EXPLORE, lessons=tried), KINDS) == "attention"
    assert aim(Memory(Phase.EXPLORE, lessons=[lesson(1, "attention")]), KINDS) == "optimizer"
    assert aim(Memory(), {}) == "architecture"


def test_while_exploiting_at_what_has_paid_best() -> None:
    effects = [
        Effect("optimizer", 0.2, 0.1, of_kind=True),
        Effect("attention", 0.1, 0.1, of_kind=True),
    ]
    assert aim(Memory(Phase.EXPLOIT, effects=effects), KINDS) == "optimizer"


def test_while_recombining_at_both_near_misses() -> None:
    near = [lesson(1, "optimizer", 0.01), lesson(2, "attention", 0.01)]
    assert aim(Memory(Phase.RECOMBINE, near_misses=near), KINDS) == "optimizer+attention"
    assert aim(Memory(Phase.RECOMBINE, near_misses=near[:1]), KINDS) != "optimizer+attention"
