"""Real agents that patch a scenario file, each against a scripted model on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from agents_real.scripted import Edit, Scripted
from agents_real.test_campaign import BIN, HOW, QUICK, SPEAKS
from end_to_end.test_governance_patches import AUDIT, SCENARIO, TAX, check_untouched, lay, rule, run
from fake_agents import lay_agent
from fakes import git
from model_server import ChatWire, ModelServer
from model_server.messages import CountWire, MessagesWire
from model_server.responses import ResponsesWire

from nightlab.propose.agent.preset import load_preset

MORE = SCENARIO.replace("count: 3", "count: 30")
BOTH = SCENARIO.replace(*AUDIT).replace(*TAX)
EDITS = [
    Edit("scenario.yaml", MORE, "summary: more traders\nhypothesis: none"),
    Edit("scenario.yaml", BOTH, "summary: audits and a tax\nhypothesis: none"),
    Edit("scenario.yaml", SCENARIO.replace(*TAX), "summary: a tax\nhypothesis: it sorts them"),
]


@pytest.mark.parametrize("agent", QUICK)
def test_an_agent_patches_a_scenario(
    agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, preset = load_preset(agent, Path())
    if not (BIN / preset.program).exists():
        pytest.skip(f"{agent} is not installed: scripts/agents")
    check_patches(agent, BIN, tmp_path, monkeypatch)


def test_so_does_a_program_that_speaks_to_the_model_as_they_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_agent(tmp_path / "bin", "pi", SPEAKS)
    check_patches("pi", tmp_path / "bin", tmp_path, monkeypatch)


def check_patches(
    agent: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One outside the section and one of two mechanisms are refused, and the third is kept."""
    monkeypatch.setenv("NIGHTLAB_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    wires = [ChatWire(), ResponsesWire(), MessagesWire(), CountWire()]
    with ModelServer(Scripted(HOW[agent], EDITS), wires) as server:
        given = f"agent: {agent}, network: true, time: 90 s, url: '{server.url}', model: scripted"
        study = lay(tmp_path / "s", f"{{{given}}}")
        head = git(study, "rev-parse", "HEAD")
        _, campaign, refused = run(study, 1)
    (trial,) = campaign.history.trials
    assert (trial.summary, trial.emitter) == ("a tax", agent)
    assert rule(trial).startswith("keep")
    assert [line.split(":")[0] for line in refused] == ["more traders", "audits and a tax"]
    assert "this changes agents" in refused[0] and "one mechanism a change" in refused[1]
    check_untouched(study, head)
