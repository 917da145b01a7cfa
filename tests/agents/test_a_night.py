"""A night as an agent has it: the hooks' own words lead it from the set-up to the report."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from fakes import CALL_PROGRAM, call_study, git
from hook_calls import bash, call, say, stop, told

from nightlab.agents.hooks.payload import Event
from nightlab.study import open_study

FIRST = "Have a look at program.md and let's kick off a new experiment! Let's do the setup first."


class Agent:
    """Does as it is told in a checkout, with every tool between its two hooks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def does(self, line: str) -> str:
        """Run a line of shell. Returns what the hooks said of it."""
        before = call(Event.PRE_TOOL_USE, self.folder, **bash(line))
        if before:
            return told(before)
        mine = line.replace("nightlab ", f"{sys.executable} -m nightlab ", 1)
        done = subprocess.run(
            ["bash", "-c", mine], cwd=self.folder, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return told(call(Event.POST_TOOL_USE, self.folder, **bash(line)))

    def does_as_told(self, text: str, like: str) -> str:
        """Run the first command of a prompt that begins so."""
        (command, *_) = [c for c in re.findall(r"`([^`]+)`", text) if c.startswith(like)]
        return self.does(command.replace("TAG", "apr5"))


def test_from_the_set_up_to_the_report(tmp_path: Path) -> None:
    program = CALL_PROGRAM.replace("trials: 5", "trials: 2")
    program = program.replace("keys:", "files: [p.yaml]\n  keys:")
    folder = call_study(tmp_path / "s", program).folder
    agent = Agent(folder)
    assert "campaign: none yet" in told(call(Event.SESSION_START, folder, source="startup"))
    say(folder, FIRST)
    told_now = stop(folder)["reason"]
    assert "ask for it and stop" in told_now
    assert "decision" not in stop(folder, active=True), "the human is asked, and answers"
    assert say(folder, "yes, go on") == {}
    assert agent.does_as_told(told_now, "nightlab run --trials 0") == ""
    assert agent.does_as_told(told_now, "git switch -c") == ""

    prompt = stop(folder)["reason"]
    assert "next trial of campaign apr5" in prompt
    agent.does_as_told(prompt, "git reset --hard")
    assert agent.does("sed -i 's/x: 0.0/x: 3.0/' p.yaml") == ""
    review = agent.does('nightlab try -m "x towards 3" --hypothesis "the bowl is there" --json')
    assert 'Trial 1: keep, "x towards 3"' in review and "was moved" not in review
    assert "harness" in agent.does("echo 'return 0' >> sim.py")

    prompt = stop(folder)["reason"]
    assert 'trial 1 "x towards 3"' in prompt
    assert agent.does_as_told(prompt, "git reset --hard") == ""
    assert "x: 3.0" in (folder / "p.yaml").read_text()
    agent.does("sed -i 's/y: 0.0/y: 4.0/' p.yaml")
    assert 'Trial 2: discard, "y away"' in agent.does('nightlab try -m "y away"')

    last = stop(folder)
    assert "2 trials are done" in last["reason"]
    agent.does_as_told(last["reason"], "nightlab report")
    assert (folder / "autoresearch-summary.md").is_file()
    assert stop(folder, active=True) == {}
    campaign = open_study(folder).campaign("apr5")
    assert git(folder, "rev-parse", "autoresearch/apr5") == campaign.history.incumbent.commit
