"""A function that is better in a short run and worse in a long one, in a real campaign."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import CALL_PROGRAM, ScriptedProposer, call_study, move

from nightlab.campaign import Campaign
from nightlab.remember.events import IncumbentReviewed
from nightlab.study import open_study
from nightlab.types import Purpose, Trial

SIM = """\
import os, random

def evaluate(parameters, seed):
    steps = int(os.environ["NIGHTLAB_BUDGET"].removesuffix(" steps"))
    noise = random.Random(f"{seed} {parameters}").gauss(0, 0.05)
    hurry, strength = parameters["x"], parameters["y"]
    return {"loss": 5 - strength - hurry * (1 if steps <= 15 else -1) + noise, "steps": steps}
"""

PROGRAM = CALL_PROGRAM.replace("  seeds:", "  budget: 15 steps\n  seeds:").replace(
    "stop:", "judge: {validate: {every: 2, times: 3, seeds: 2}}\nstop:"
)


def tried(tmp_path: Path, *changes: dict[str, float]) -> Campaign:
    study = call_study(tmp_path / "study", PROGRAM, SIM)
    proposer = ScriptedProposer([move(**change) for change in changes])
    campaign, _ = study.run(tag="long", proposer=proposer, trials=len(changes))
    return open_study(study.folder).campaign(campaign.tag)


def steps_of(trial: Trial) -> dict[Purpose, set[float]]:
    found: dict[Purpose, set[float]] = {}
    for run in trial.runs:
        found.setdefault(run.purpose, set()).add(run.metrics["steps"])
    return found


def reviews(campaign: Campaign) -> list[IncumbentReviewed]:
    events = [entry.event for entry in campaign.ledger.read(campaign.tag)]
    return [event for event in events if isinstance(event, IncumbentReviewed)]


def test_what_is_gained_in_short_runs_and_lost_in_long_ones_is_demoted(tmp_path: Path) -> None:
    campaign = tried(tmp_path, {"x": 1.0}, {"x": 2.0}, {"y": -1.0})
    (review,) = reviews(campaign)
    assert (review.trial, review.passed, review.to, review.rule) == (2, False, 0, "validation")
    assert review.evidence["gain"] == pytest.approx(-2, abs=0.3)
    assert "at 3 times the budget" in review.reason
    for number in (0, 2):
        told = steps_of(campaign.state.trial(number))
        assert told.pop(Purpose.VALIDATE) == {45.0}
        assert set().union(*told.values()) == {15.0}
    assert campaign.state.incumbent == 0


def test_what_holds_in_long_runs_stays(tmp_path: Path) -> None:
    campaign = tried(tmp_path, {"y": 1.0}, {"y": 2.0}, {"y": -1.0})
    assert [(review.trial, review.passed) for review in reviews(campaign)] == [(2, True)]
    assert steps_of(campaign.state.trial(2))[Purpose.VALIDATE] == {45.0}
    assert campaign.state.incumbent == 2
