"""A list of proposers: the bandit, the names, who mends what."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from nightlab.propose import NothingToPropose, Proposer
from nightlab.propose.bandit import Arm, Tally, choose, tallies
from nightlab.propose.build import build_proposer, distinct
from nightlab.propose.conformance import sample_history, sample_setting, sample_trial
from nightlab.propose.settings import ProposeSettings
from nightlab.propose.sharing import SharingProposer
from nightlab.types import (
    Decision,
    EmitterRecord,
    History,
    Idea,
    NightlabError,
    Purpose,
    Run,
    Trial,
)

START = {"width": 8, "rate": 0.01}


class Fixed:
    """Proposes one value, again and again, under its own name."""

    def __init__(self, emitter: str, nothing: bool = False) -> None:
        self.emitter = emitter
        self.nothing = nothing
        self.refusals: list[str] = []

    def propose(self, history: History) -> Idea:
        if self.nothing:
            raise NothingToPropose(f"{self.emitter} is dry")
        return Idea("x", emitter="its own word", parameters={"width": 9})

    def refused(self, idea: Idea, reason: str) -> None:
        self.refusals.append(reason)


class Writing(Fixed):
    def draft(self, history: History, wish: str) -> Idea:
        return Idea(wish, emitter=self.emitter, files={"a": "b"})

    def fix(self, history: History, trial: Trial, trace: str) -> Idea:
        return Idea(f"mended by {self.emitter}", files={"a": "c"})


def share(*parts: Proposer, **given: float) -> SharingProposer:
    return SharingProposer(parts, [ProposeSettings.model_validate(given) for _ in parts])


def by(number: int, emitter: str, decision: Decision = Decision.DISCARD) -> Trial:
    trial = sample_trial(number, {**START, "width": 8 + number}, 2.0, decision)
    return replace(trial, emitter=emitter)


def history(*trials: Trial) -> History:
    kept = tuple(t.number for t in trials if t.verdict and t.verdict.decision is Decision.KEEP)
    return replace(sample_history(*trials, parameters=START), kept=kept)


def turns(shared: SharingProposer, told: History, count: int = 200) -> Counter[str]:
    """Who proposes, over many refusals, each of which draws anew."""
    found: Counter[str] = Counter()
    for _ in range(count):
        idea = shared.propose(told)
        found[idea.emitter] += 1
        shared.refused(idea, "again")
    return found


def test_with_nothing_known_all_get_their_share() -> None:
    found = turns(share(Fixed("a"), Fixed("b"), Fixed("c")), history())
    assert min(found.values()) > 40 and sum(found.values()) == 200


def test_who_brought_keeps_gets_more_and_the_floor_stays() -> None:
    kept = [by(n, "a", Decision.KEEP) for n in range(1, 9)]
    dropped = [by(n, "b") for n in range(9, 30)]
    found = turns(share(Fixed("a"), Fixed("b"), floor=0.1), history(*kept, *dropped), 400)
    assert found["a"] > 300
    assert found["b"] > 20


def test_without_a_floor_nothing_is_given_away() -> None:
    kept = [by(n, "a", Decision.KEEP) for n in range(1, 30)]
    dropped = [by(n, "b") for n in range(30, 90)]
    assert turns(share(Fixed("a"), Fixed("b"), floor=0.0), history(*kept, *dropped))["b"] < 5


def test_the_same_history_gives_the_same_turns() -> None:
    told = history(by(1, "a"), by(2, "b", Decision.KEEP))
    first, second = (turns(share(Fixed("a"), Fixed("b")), told, 30) for _ in range(2))
    assert first == second


def test_after_a_restart_the_refusals_in_the_ledger_count() -> None:
    from nightlab.types import Refusal

    told = history(by(1, "a"))
    shared = share(Fixed("a"), Fixed("b"))
    before = []
    for _ in range(6):
        idea = shared.propose(told)
        before.append(idea.emitter)
        shared.refused(idea, "again")
    after = []
    for number in range(6):
        known = tuple(Refusal(1, "x", "a", "again") for _ in range(number))
        after.append(share(Fixed("a"), Fixed("b")).propose(replace(told, refusals=known)).emitter)
    assert before == after


def test_an_expensive_keep_is_worth_less() -> None:
    arms = [Arm("cheap", frozenset("c")), Arm("dear", frozenset("d"))]
    told = {"cheap": Tally(10, 20), "dear": Tally(10, 200)}
    drawn = Counter(choose(arms, told, Random(n)).name for n in range(300))
    assert drawn["cheap"] > 280


def test_asking_costs_as_many_runs_as_it_took_time_for() -> None:
    run = Run(1, 0, 1, Purpose.BASELINE, "", 0.0, seconds=10.0)
    told = history(replace(by(1, "a"), asking=55.0), by(2, "b"))
    told = replace(told, baseline=replace(told.baseline, runs=(run,)))
    arms = [Arm("a", frozenset("a")), Arm("b", frozenset("b"))]
    found = tallies(arms, told)
    assert found["a"].cost == pytest.approx(2 + 5.5) and found["b"].cost == 2


def test_what_humans_tried_and_what_was_demoted_is_nobodys_merit() -> None:
    told = history(by(1, "human", Decision.KEEP), by(2, "a", Decision.KEEP))
    arms = [Arm("a", frozenset("a"))]
    assert tallies(arms, told)["a"] == Tally(1, 2, 1)
    assert tallies(arms, replace(told, kept=()))["a"] == Tally(0, 2, 1)


def test_with_decay_the_past_fades() -> None:
    arms = [Arm("a", frozenset("a"))]
    found = tallies(arms, history(by(1, "a", Decision.KEEP), by(2, "a"), by(3, "a")), decay=0.5)
    assert found["a"].keeps == pytest.approx(0.25)
    assert found["a"].cost == pytest.approx(2 * (0.25 + 0.5 + 1))


def test_what_earlier_campaigns_have_shown_counts() -> None:
    before = {"a": EmitterRecord("a", 90, 20, 0, 300.0), "b": EmitterRecord("b", 90, 0, 0, 300.0)}
    listed = [ProposeSettings(floor=0.05), ProposeSettings(floor=0.05)]
    shared = SharingProposer([Fixed("a"), Fixed("b")], listed, lambda: before)
    assert turns(shared, history(), 300)["a"] > 250


def test_one_that_is_dry_passes_the_turn_on_and_all_dry_say_so() -> None:
    shared = share(Fixed("a", nothing=True), Fixed("b"))
    assert turns(shared, history(), 20) == {"b": 20}
    with pytest.raises(NothingToPropose, match="is dry"):
        share(Fixed("a", nothing=True), Fixed("b", nothing=True)).propose(history())


def test_a_refusal_goes_to_whoever_proposed() -> None:
    parts = Fixed("a"), Fixed("b")
    shared = share(*parts)
    idea = shared.propose(history())
    shared.refused(idea, "no")
    assert {part.emitter: part.refusals for part in parts}[idea.emitter] == ["no"]


def test_ideas_are_signed_with_the_name_in_the_list() -> None:
    shared = SharingProposer([Fixed("a")], [ProposeSettings(name="mine")])
    assert shared.propose(history()).emitter == "mine"


def test_a_wish_goes_to_a_writer_and_a_crash_to_its_own() -> None:
    shared = share(Fixed("a"), Writing("b"), Writing("c"))
    assert shared.draft(history(), "wider").emitter == "b"
    assert shared.fix(history(), by(1, "c", Decision.CRASH), "").summary == "mended by c"
    with pytest.raises(NothingToPropose):
        shared.fix(history(), by(1, "a", Decision.CRASH), "")


def named(*given: dict[str, object]) -> list[str | None]:
    return [each.name for each in distinct([ProposeSettings.model_validate(g) for g in given])]


def test_two_of_a_kind_are_told_apart() -> None:
    one: dict[str, object] = {"model": "x", "url": "http://127.0.0.1:1/v1"}
    assert named({"with": "search"}, one, one, one) == [None, None, "model-2", "model-3"]
    assert named({"with": "random"}, {"with": "random", "name": "wild"}) == [None, "wild"]
    with pytest.raises(NightlabError, match="two of the list are called 'wild'"):
        named({"with": "random", "name": "wild"}, {"with": "search", "name": "wild"})


def test_search_and_random_share_a_campaign() -> None:
    listed = [ProposeSettings.model_validate({"with": w}) for w in ("search", "random")]
    both = build_proposer(listed, sample_setting())
    assert isinstance(both, SharingProposer)
    assert set(turns(both, history(), 12)) == {"search", "random"}


def test_two_that_could_not_be_told_apart_are_refused() -> None:
    listed = [
        ProposeSettings(name="local_tuner"),
        ProposeSettings.model_validate({"with": "emitters"}),
    ]
    with pytest.raises(NightlabError, match="two of the list sign with 'local_tuner'"):
        build_proposer(listed, sample_setting())


def test_emitters_of_another_proposer_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="belongs to `with: emitters`"):
        ProposeSettings.model_validate({"with": "search", "emitters": ["simplifier"]})
