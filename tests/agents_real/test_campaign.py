"""Real agents, each against a scripted model on this machine: a campaign of three trials.

They are found in .agents/, where scripts/agents lays them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from agents_real.scripted import Edit, Scripted
from fake_agents import lay_agent
from fakes import COMMAND_PROGRAM, TRAIN, command_study
from model_server import ChatWire, ModelServer
from model_server.messages import CountWire, MessagesWire
from model_server.responses import ResponsesWire
from run.sandbox.cell import cell_of

from nightlab.propose import FullPurse
from nightlab.propose.agent.preset import load_preset
from nightlab.remember.events import ChangeRefused, Event

BIN = Path(__file__).parents[2] / ".agents" / "bin"
QUICK = ("claude", "codex", "pi")
HOW = {
    "claude": "files",
    "codex": "shell",
    "pi": "shell",
    "opencode": "shell",
    "qwen": "shell",
    "gemini": "shell",
    "aider": "chat",
    "mini-swe-agent": "submit",
}
EDITS = [
    Edit(
        "train.py", TRAIN.replace("X = 0.5", "X = 1.0"), "summary: X to 1\nhypothesis: the bottom"
    ),
    Edit("train.py", TRAIN.replace("X = 0.5", "X = 3.0"), "summary: X to 3\nhypothesis: none"),
    Edit("other.py", "print('loss: 0')\n", "summary: a file beside it\nhypothesis: none"),
    Edit("train.py", TRAIN.replace("X = 0.5", "X = 2.0"), "summary: X to 2\nhypothesis: none"),
]


SPEAKS = """
import re, subprocess, urllib.request
shell = {"properties": {"command": {"type": "string"}}, "required": ["command"]}
keyed = {"authorization": "Bearer none", "x-api-key": "none", "content-type": "application/json"}
home = pathlib.Path.home()

def ask(url, body):
    data = json.dumps({"model": "scripted", **body}).encode()
    asked = urllib.request.Request(url, data, keyed)
    return json.load(urllib.request.urlopen(asked, timeout=20))

def by_chat():
    told = json.loads((home / ".pi/agent/models.json").read_text())
    base = told["providers"]["nightlab"]["baseUrl"]
    talk = [{"role": "user", "content": prompt}]
    tools = [{"type": "function", "function": {"name": "bash", "parameters": shell}}]
    while True:
        told = ask(base + "/chat/completions", {"messages": talk, "tools": tools})
        message = told["choices"][0]["message"]
        if "tool_calls" not in message:
            return message["content"]
        given = json.loads(message["tool_calls"][0]["function"]["arguments"])
        subprocess.run(["sh", "-c", given["command"]], check=True)
        talk += [message, {"role": "tool", "content": "ok"}]

def by_responses():
    base = re.search('base_url = "(.*)"', (home / ".codex/config.toml").read_text())[1]
    assert os.environ["NIGHTLAB_AGENT_KEY"] == "none"
    talk = [{"role": "user", "content": prompt}]
    tools = [{"type": "function", "name": "shell", "parameters": shell}]
    while True:
        items = ask(base + "/responses", {"input": talk, "tools": tools})["output"]
        if items[-1]["type"] == "message":
            return items[-1]["content"][0]["text"]
        subprocess.run(["sh", "-c", json.loads(items[-1]["arguments"])["command"]], check=True)
        talk += [*items, {"type": "function_call_output", "output": "ok"}]

def by_messages():
    talk = [{"role": "user", "content": prompt}]
    tools = [{"name": name, "input_schema": {}} for name in ("Bash", "Read", "Write")]
    while True:
        url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages?beta=true"
        content = ask(url, {"messages": talk, "tools": tools})["content"]
        if content[-1]["type"] == "text":
            return content[-1]["text"]
        given = content[-1]["input"]
        if content[-1]["name"] == "Write":
            pathlib.Path(given["file_path"]).write_text(given["content"])
        talk += [{"role": "assistant", "content": content}]
        talk += [{"role": "user", "content": [{"type": "tool_result", "content": "ok"}]}]

said = {"pi": by_chat, "codex": by_responses, "claude": by_messages}[AGENT]()
"""
"""An agent's loop, without the agent."""


@pytest.mark.parametrize("agent", HOW)
def test_a_good_edit_is_kept_a_bad_one_discarded_and_one_outside_refused(
    agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if agent not in QUICK and os.environ.get("NIGHTLAB_TEST_AGENTS") != "all":
        pytest.skip("`make test-agents` drives it")
    _, preset = load_preset(agent, Path())
    if preset.server is None:
        pytest.skip(f"{agent} can't be pointed at a scripted model")
    if not (BIN / preset.program).exists():
        pytest.skip(f"{agent} is not installed: scripts/agents{'' if agent in QUICK else ' all'}")
    check_campaign(agent, BIN, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("agent", "isolation"), [*((each, "bubblewrap") for each in QUICK), ("pi", "landlock")]
)
def test_so_does_a_program_that_speaks_to_the_model_as_they_do(
    agent: str, isolation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three wires, through the sandbox: what the real agents are tested with, tested."""
    lay_agent(tmp_path / "bin", agent, SPEAKS)
    check_campaign(agent, tmp_path / "bin", tmp_path, monkeypatch, isolation)


def check_campaign(
    agent: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    isolation: str = "bubblewrap",
) -> None:
    """A campaign of three trials by the agent that lies in a folder."""
    cell_of(isolation, tmp_path / "cell")
    monkeypatch.setenv("NIGHTLAB_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    wires = [ChatWire(), ResponsesWire(), MessagesWire(), CountWire()]
    with ModelServer(Scripted(HOW[agent], EDITS), wires) as server:
        given = f"agent: {agent}, network: true, time: 90 s, url: '{server.url}', model: scripted"
        program = COMMAND_PROGRAM.replace("{with: random}", f"{{{given}}}")
        program = program.replace("seeds: [1, 2]", f"seeds: [1, 2]\n  isolation: {isolation}")
        study, purse, events = command_study(tmp_path / "s", program), FullPurse(), list[Event]()
        programs = study.rooms.programs()
        try:
            proposer = study.rooms.proposer(purse, programs)
            campaign, why = study.run(proposer=proposer, trials=3, on_event=events.append)
        finally:
            programs.close()
    trials = campaign.history.trials
    said = [(trial.summary, trial.verdict.decision.value) for trial in trials if trial.verdict]
    refused = [event for event in events if isinstance(event, ChangeRefused)]
    assert said == [("X to 1", "keep"), ("X to 3", "discard"), ("X to 2", "discard")], (
        why,
        refused,
    )
    (outside,) = refused
    assert "outside the surface: other.py" in outside.reason
    assert all(paid.input_tokens and paid.output_tokens for _, paid in purse.paid)
