"""The proposer over the seven: who is drawn, how an idea is signed, roles for writers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import CALL_PROGRAM, call_study

from nightlab.program.space import Space
from nightlab.propose import NothingToPropose, Role, Setting
from nightlab.propose.build import build_proposer
from nightlab.propose.conformance import (
    check_proposer,
    sample_history,
    sample_setting,
    sample_trial,
)
from nightlab.propose.emitters import EMITTERS, Move, Scene
from nightlab.propose.emitters.proposer import WEIGHTS, EmittersProposer, reach
from nightlab.propose.settings import ProposeSettings
from nightlab.types import (
    Decision,
    History,
    Idea,
    Lesson,
    Memory,
    Niche,
    NightlabError,
    Phase,
    Plateau,
    Prediction,
    Stall,
    Trial,
)

START = {"width": 8, "rate": 0.01}


def settings(**given: object) -> ProposeSettings:
    return ProposeSettings.model_validate({"with": "emitters", **given})


def drawn(setting: Setting, count: int = 150, **given: object) -> Counter[str]:
    """Who proposes, over many refusals."""
    proposer = EmittersProposer(settings(**given), setting)
    found: Counter[str] = Counter()
    for _ in range(count):
        idea = proposer.propose(sample_history(parameters=START))
        found[idea.emitter] += 1
        proposer.refused(idea, "again")
    return found


def test_the_contract_holds() -> None:
    check_proposer(lambda setting: EmittersProposer(settings(), setting))


def test_an_idea_is_signed_expects_something_and_says_why_it_came_now() -> None:
    idea = EmittersProposer(settings(), sample_setting()).propose(sample_history(parameters=START))
    assert idea.emitter in EMITTERS
    assert idea.predicted in ("improve", "flat", "uncertain", "risky")
    assert idea.why.endswith("has brought 0 keeps in 0 runs so far")
    assert idea.hypothesis


def test_only_those_that_are_named_propose() -> None:
    named = ["local_tuner", "contrarian"]
    assert set(drawn(sample_setting(), emitters=named)) == set(named)


def test_with_a_name_ideas_bear_it() -> None:
    assert all(name.startswith("mine/") for name in drawn(sample_setting(), 10, name="mine"))


def test_an_unknown_emitter_is_named_with_the_nearest() -> None:
    with pytest.raises(NightlabError, match='did you mean "simplifier"'):
        EmittersProposer(settings(emitters=["simplifyer"]), sample_setting())


def test_naming_emitters_is_enough() -> None:
    given = ProposeSettings.model_validate({"emitters": ["simplifier"]})
    assert given.with_ == "emitters"
    both = ProposeSettings.model_validate({"emitters": ["simplifier"], "command": "./x"})
    assert (both.with_, both.command) == ("emitters", "./x")


def test_a_phase_speaks_for_some_and_silences_none() -> None:
    def in_phase(phase: Phase) -> Counter[str]:
        setting = replace(sample_setting(), memory=lambda history: Memory(phase=phase))
        return drawn(setting, 400, floor=0.0)

    exploit, explore = in_phase(Phase.EXPLOIT), in_phase(Phase.EXPLORE)
    assert exploit["local_tuner"] > explore["local_tuner"]
    assert explore["contrarian"] > exploit["contrarian"]
    assert exploit["contrarian"] > 0


def test_a_move_of_several_mechanisms_passes_the_turn_on() -> None:
    class Both:
        name, predicted, needs_facts, role = "local_tuner", Prediction.IMPROVE, False, ""

        def move(self, scene: Scene) -> Move:
            return Move({"width": 9, "rate": 0.02}, "both")

        def facts(self, history: History, memory: Memory) -> list[str]:
            return []

    for one in (False, True):
        setting = replace(sample_setting(), one_mechanism=one)
        proposer = EmittersProposer(settings(emitters=["local_tuner", "simplifier"]), setting)
        proposer.parts["local_tuner"] = Both()
        ideas = []
        for _ in range(20):
            ideas.append(proposer.propose(sample_history(parameters=START)))
            proposer.refused(ideas[-1], "again")
        assert {len(idea.parameters) for idea in ideas} == ({1} if one else {1, 2})


def test_moves_widen_on_a_plateau() -> None:
    usual = reach(Memory(phase=Phase.EXPLOIT))
    wider = reach(Memory(phase=Phase.EXPLORE))
    widest = reach(Memory(stall=Stall(12, Plateau.CIRCLES)))
    assert usual < wider < widest


def test_without_a_space_and_without_a_writer_it_says_what_is_missing() -> None:
    with pytest.raises(NothingToPropose, match=r"declare change\.space"):
        EmittersProposer(settings(), sample_setting(Space({}))).propose(
            sample_history(parameters={})
        )


def test_phases_name_emitters_that_there_are() -> None:
    assert {name for weights in WEIGHTS.values() for name in weights} <= EMITTERS.keys()


class Broken:
    """An emitter that fails whatever it is asked."""

    name = "broken"
    predicted = Prediction.IMPROVE
    role = "Break."
    needs_facts = False

    def move(self, scene: Scene) -> Move | None:
        raise ValueError("math\ndomain error")

    def facts(self, history: History, memory: Memory) -> list[str]:
        raise ZeroDivisionError("no trials")


def test_an_emitter_that_fails_passes_the_turn_on() -> None:
    proposer = EmittersProposer(settings(emitters=["local_tuner"]), sample_setting())
    proposer.parts["broken"] = Broken()
    history = sample_history(parameters=START)
    for _ in range(20):
        idea = proposer.propose(history)
        assert idea.emitter == "local_tuner"
        proposer.refused(idea, "again")
    del proposer.parts["local_tuner"]
    with pytest.raises(NothingToPropose, match=r"^broken failed with ValueError: math"):
        proposer.propose(history)


def test_one_that_fails_to_tell_its_facts_is_no_role() -> None:
    proposer, writer = written(emitters=["simplifier"])
    proposer.parts["broken"] = Broken()
    for _ in range(20):
        idea = proposer.propose(sample_history(parameters={}))
        assert idea.emitter == "simplifier"
        proposer.refused(idea, "no")
    assert all("Break." not in role.text for role in writer.roles)


def test_where_all_wait_for_facts_it_says_so() -> None:
    proposer = EmittersProposer(settings(emitters=["recombinator"]), sample_setting())
    with pytest.raises(NothingToPropose, match=r"^recombinator has nothing to go by yet; name"):
        proposer.propose(sample_history(parameters=START))


class Writer:
    """Plays roles, and remembers which."""

    def __init__(self) -> None:
        self.roles: list[Role] = []
        self.refusals: list[str] = []

    def play(self, role: Role) -> None:
        self.roles.append(role)

    def propose(self, history: History) -> Idea:
        return Idea(f"idea {len(self.roles)}", "because", "writer", files={"train.py": "x = 1\n"})

    def refused(self, idea: Idea, reason: str) -> None:
        self.refusals.append(reason)

    def draft(self, history: History, wish: str) -> Idea:
        return Idea(wish, emitter="writer", files={"train.py": "x = 2\n"})

    def fix(self, history: History, trial: Trial, trace: str) -> Idea:
        return Idea("mended", files={"train.py": "x = 3\n"})


class Silent(Writer):
    """Fails to answer."""

    def propose(self, history: History) -> Idea:
        raise NightlabError("the model does not answer")


def written(memory: Memory | None = None, **given: object) -> tuple[EmittersProposer, Writer]:
    setting = replace(sample_setting(Space({})), memory=lambda history: memory or Memory())
    proposer = EmittersProposer(settings(**given), setting)
    proposer.writer = writer = Writer()
    return proposer, writer


def test_a_writer_plays_the_emitters_role() -> None:
    proposer, writer = written(role="Keep it short.")
    idea = proposer.propose(sample_history(parameters={}))
    assert idea.emitter in EMITTERS and idea.files
    emitter = proposer.parts[idea.emitter]
    assert writer.roles[0].text == f"{emitter.role} Keep it short."
    assert idea.predicted == emitter.predicted.value


def test_a_writer_stays_in_its_role_while_it_may_answer_again() -> None:
    proposer, writer = written(attempts=3)
    history = sample_history(parameters={})
    for _ in range(3):
        proposer.refused(proposer.propose(history), "it does not compile")
    assert len({role.text for role in writer.roles}) == 1
    assert writer.refusals == ["it does not compile"] * 3
    texts = set()
    for _ in range(60):
        proposer.refused(proposer.propose(history), "no")
        texts.add(writer.roles[-1].text)
    assert len(texts) > 2


def test_roles_that_need_facts_are_not_played_without() -> None:
    proposer, writer = written(emitters=["recombinator", "anomaly_chaser"])
    with pytest.raises(NothingToPropose):
        proposer.propose(sample_history(parameters={}))
    assert writer.roles == []


def test_what_a_writer_says_goes_through() -> None:
    proposer, _ = written(emitters=["simplifier"])
    proposer.writer = Silent()
    with pytest.raises(NightlabError, match=r"^the model does not answer$"):
        proposer.propose(sample_history(parameters={}))


def test_near_misses_are_told_to_the_recombinator() -> None:
    near = []
    for number, summary in enumerate(["wider heads", "longer warmup"], 1):
        trial = replace(sample_trial(number, {}, 1.01, Decision.DISCARD), summary=summary)
        near.append(Lesson("", trial, Niche("attention"), 0.01, 0.02, -0.01))
    proposer, writer = written(Memory(lessons=near, near_misses=near), emitters=["recombinator"])
    proposer.propose(sample_history(parameters={}))
    facts = " ".join(writer.roles[0].facts)
    assert "wider heads" in facts and "longer warmup" in facts


def test_wishes_and_mending_go_to_the_writer() -> None:
    proposer, _ = written()
    history = sample_history(parameters={})
    assert proposer.draft(history, "try relu").summary == "try relu"
    trial = sample_trial(1, {}, None, Decision.CRASH)
    assert proposer.fix(history, trial, "trace").summary == "mended"
    without = EmittersProposer(settings(), sample_setting())
    with pytest.raises(NothingToPropose):
        without.draft(history, "try relu")


def test_a_campaign_of_emitters_finds_its_way(tmp_path: Path) -> None:
    program = CALL_PROGRAM.replace("{with: random}", "{with: emitters}")
    study = call_study(tmp_path / "s", program.replace("trials: 5", "trials: 40"))
    campaign, _ = study.run()
    best = campaign.history.incumbent
    assert abs(best.parameters["x"] - 3) < 1.5 and abs(best.parameters["y"] + 1) < 1.5
    emitters = {trial.emitter for trial in campaign.history.trials}
    assert emitters <= EMITTERS.keys() and len(emitters) >= 4
    assert all(trial.about and trial.predicted and trial.why for trial in campaign.history.trials)


def test_the_same_campaign_proposes_the_same_again(tmp_path: Path) -> None:
    program = CALL_PROGRAM.replace("{with: random}", "{with: emitters, seed: 3}")
    program = program.replace("trials: 5", "trials: 12")
    moves = []
    for name in ("a", "b"):
        campaign, _ = call_study(tmp_path / name, program).run()
        moves.append([(t.emitter, dict(t.moved)) for t in campaign.history.trials])
    assert moves[0] == moves[1]


def test_a_list_of_emitters_and_search() -> None:
    listed = [ProposeSettings.model_validate({"with": w}) for w in ("search", "emitters")]
    both = build_proposer(listed, sample_setting())
    found: Counter[str] = Counter()
    for _ in range(30):
        idea = both.propose(sample_history(parameters=START))
        found["search" if idea.emitter == "search" else "emitters"] += 1
        both.refused(idea, "again")
    assert min(found["search"], found["emitters"]) > 3
