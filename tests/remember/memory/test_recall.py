"""The memory of a whole study, from a real ledger: campaigns, claims, emitters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fakes import CALL_PROGRAM, ScriptedProposer, call_study, git, move

from nightlab.remember.events import ClaimDropped, ClaimMade
from nightlab.remember.ledger import STUDY
from nightlab.study import Study, open_study
from nightlab.types import Idea, Memory, Phase, Standing


def run(study: Study, *ideas: Idea, tag: str) -> None:
    study.run(proposer=ScriptedProposer(list(ideas)), trials=len(ideas), new=True, tag=tag)


def memory(study: Study, tag: str) -> Memory:
    campaign = study.campaign(tag)
    return study.rooms.recall(campaign.ledger, tag)(campaign.history)


def test_nothing_is_known_before_the_first_trial(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    study.run(trials=0)
    found = memory(study, study.pick())
    assert found.phase is Phase.BASELINE
    assert not (found.lessons or found.elites or found.effects or found.conjectures)


def test_earlier_campaigns_count_and_later_ones_do_not(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    run(study, move(x=2.0), tag="first")
    run(study, move(y=-1.0), tag="second")
    assert [lesson.name for lesson in memory(study, "second").lessons] == ["first/1", "1"]
    assert [lesson.name for lesson in memory(study, "first").lessons] == ["1"]


def test_a_campaign_that_measured_something_else_does_not_count(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    run(call_study(folder), move(x=2.0), tag="first")
    other = CALL_PROGRAM.replace("minimize loss", "minimize cost")
    (folder / "program.md").write_text(other)
    git(folder, "commit", "-aqm", "another metric")
    run(open_study(folder), move(y=-1.0), tag="second")
    assert [lesson.campaign for lesson in memory(open_study(folder), "second").lessons] == [""]


def test_keeps_cost_and_crashes_are_counted_by_emitter(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    ideas = [replace(move(x=2.0), emitter="a"), replace(move(y=4.0), emitter="b")]
    run(study, *ideas, tag="first")
    found = memory(study, "first").emitters
    assert (found["a"].attempts, found["a"].keeps) == (1, 1)
    assert (found["b"].attempts, found["b"].keeps) == (1, 0)
    assert found["a"].cost > found["b"].cost >= 1, "a keep takes more runs than a drop"
    assert found["b"].last == 2


def test_earlier_campaigns_are_told_apart_for_the_bandit(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    run(study, replace(move(x=2.0), emitter="a"), tag="first")
    run(study, replace(move(y=-1.0), emitter="a"), tag="second")
    campaign = study.campaign("second")
    recall = study.rooms.recall(campaign.ledger, "second")
    assert recall.before["a"].attempts == 1
    known = recall(campaign.history).emitters["a"]
    assert (known.attempts, known.keeps, known.last) == (2, 2, 1)


def test_what_a_model_holds_to_be_so_is_tested_with_the_rest(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    claiming = replace(move(x=1.0), emitter="model", claims=("lower x is better",))
    run(study, claiming, *(move(x=value) for value in (2.0, 2.5, 3.0, 1.5)), tag="first")
    said = [c for c in memory(study, "first").conjectures if c.source == "model"]
    assert [c.claim for c in said] == ["lower x is better"]
    assert said[0].standing is Standing.DEAD and said[0].against


def test_humans_claims_hold_for_the_study_until_they_are_taken_back(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    run(study, move(x=2.0), move(y=-1.0), tag="first")
    ledger = study.ledger()
    ledger.append(STUDY, [ClaimMade("higher x is better", "human")])
    sources = {c.claim: c.source for c in memory(study, "first").conjectures if c.source}
    assert sources == {"higher x is better": "human"}
    ledger.append(STUDY, [ClaimDropped("higher x is better")])
    assert not [c for c in memory(study, "first").conjectures if c.source]


def test_what_another_harness_measured_does_not_count(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    run(call_study(folder), move(x=2.0), tag="first")
    (folder / "sim.py").write_text((folder / "sim.py").read_text().replace("- 3)", "+ 3)"))
    git(folder, "commit", "-aqm", "the other way round")
    run(open_study(folder), move(x=1.0), tag="second")
    known = memory(open_study(folder), "second")
    assert [lesson.campaign for lesson in known.lessons] == [""]


def test_elites_compare_though_campaigns_began_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    study = call_study(folder)
    run(study, move(x=2.0), tag="first")
    best = study.campaign("first").history.incumbent
    git(folder, "merge", "-q", best.commit)
    run(open_study(folder), move(x=3.0), tag="second")
    (elite,) = memory(open_study(folder), "second").elites.values()
    assert (elite.campaign, elite.trial.parameters["x"]) == ("", 3.0)
    assert elite.over_baseline is not None and elite.over_baseline < 2, "a small step, from afar"
