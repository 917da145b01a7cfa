"""What an earlier campaign has settled is not measured again."""

from __future__ import annotations

from pathlib import Path

from fakes import CALL_PROGRAM, ScriptedProposer, call_study, git, move

from nightlab.campaign import Campaign
from nightlab.remember.events import ChangeRefused
from nightlab.study import Study, open_study
from nightlab.types import Decision, Idea


def run(study: Study, *ideas: Idea, new: bool = True, tag: str | None = None) -> Campaign:
    study.run(proposer=ScriptedProposer(list(ideas)), trials=len(ideas), new=new, tag=tag)
    return study.campaign(study.pick())


def refusals(campaign: Campaign) -> list[str]:
    events = [entry.event for entry in campaign.ledger.read(campaign.tag)]
    return [event.reason for event in events if isinstance(event, ChangeRefused)]


def worse(campaign: Campaign) -> bool:
    trial = campaign.history.trials[0]
    return trial.verdict is not None and trial.verdict.decision is Decision.DISCARD


def test_a_clear_loss_of_an_earlier_campaign_is_refused(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    assert worse(run(study, move(x=-3.0), tag="first"))
    second = run(study, move(x=-3.0), tag="second")
    assert not second.history.trials
    assert refusals(second)[0].startswith("already tried: trial 1 of first was the same, and was")


def test_what_was_kept_may_be_found_again(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    first = run(study, move(x=2.0), tag="first")
    assert first.history.incumbent.number == 1
    assert len(run(study, move(x=2.0), tag="second").history.trials) == 1


def test_from_another_start_it_is_measured_again(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    assert worse(run(call_study(folder), move(x=-3.0), tag="first"))
    (folder / "sim.py").write_text((folder / "sim.py").read_text() + "\n# more\n")
    git(folder, "commit", "-aqm", "another harness")
    assert len(run(open_study(folder), move(x=-3.0), tag="second").history.trials) == 1


def test_another_budget_measures_something_else(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    assert worse(run(call_study(folder), move(x=-3.0), tag="first"))
    text = CALL_PROGRAM.replace("  seeds:", "  budget: 9 s\n  seeds:")
    (folder / "program.md").write_text(text)
    git(folder, "commit", "-aqm", "another budget")
    assert len(run(open_study(folder), move(x=-3.0), tag="second").history.trials) == 1
