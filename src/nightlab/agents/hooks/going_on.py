"""Autonomy is on: what an agent that would stop does next, or why it is let go.

The order: program.md broken, not on a branch of the study's, inputs missing, the
campaign at its own end, a session at work, the baseline not measured, else the next trial. What
only the human can mend is said once; what the agent can do is said a few times, and then no more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nightlab.agents.hooks.answer import Answer, go_on, let_go
from nightlab.agents.hooks.desk import Desk
from nightlab.agents.hooks.learned import what_is_known
from nightlab.agents.hooks.memory import Memory
from nightlab.agents.hooks.prompts import (
    baseline_prompt,
    end_prompt,
    inputs_prompt,
    next_prompt,
    set_up_prompt,
    wait_prompt,
)
from nightlab.campaign import Campaign
from nightlab.run.inputs import missing_inputs
from nightlab.stop import Stop, next_time

NUDGES = 5
"""An agent is sent on so many times while nothing is measured, then it is let go."""

_PATIENCE = 60.0
"""Seconds: an agent that has waited for a run so long has not come back at once."""


@dataclass(frozen=True)
class Next:
    """What an agent is told. A `blocker` is told once, an end (`over`) ends autonomy too; `waits`
    says that a run is at work.
    """

    prompt: str
    blocker: str = ""
    waits: bool = False
    over: str = ""


def go_on_with(desk: Desk, memory: Memory) -> Answer:
    """Whether the agent goes on, and with what."""
    if desk.outline.trouble:
        prompt = f"program.md can't be read; tell the human, and stop: {desk.outline.trouble}"
        return _send(desk, memory, Next(prompt, "program"))
    prefix, branch = f"{desk.outline.branch}/", desk.place.branch
    if not branch.startswith(prefix):
        prompt = set_up_prompt(desk.outline, branch, desk.campaigns())
        return _send(desk, memory, Next(prompt, "set-up"))
    campaign = desk.campaign()
    step = _next(desk, campaign, memory)
    progress = f"{campaign.tag} {campaign.state.runs} {campaign.state.settled}" if campaign else ""
    return _send(desk, memory, step, progress)


def _next(desk: Desk, campaign: Campaign | None, memory: Memory) -> Next:
    study = desk.study
    missing = missing_inputs(study.folder, study.settings.run.inputs)
    if missing:
        return Next(inputs_prompt(missing), "inputs")
    over = over_because(desk, campaign, memory) if campaign else ""
    if campaign and over:
        return Next(end_prompt(campaign, over), over=over)
    holder = study.running()
    if holder is not None:
        return Next(wait_prompt(holder.campaign), waits=True)
    if campaign is None or not campaign.baseline_measured or campaign.open_trials:
        return Next(baseline_prompt(campaign))
    return Next(next_prompt(desk.outline, campaign, what_is_known(study, campaign)))


def over_because(desk: Desk, campaign: Campaign, memory: Memory) -> str:
    """Why the campaign has come to the end that program.md sets, "" where it has not.

    Trials without a keep, and the hours, are counted from when autonomy was switched on.
    """
    settings, state = desk.study.settings.stop, campaign.state
    begun = memory.settled if memory.campaign == campaign.tag else 0
    since = min(state.since_keep, state.settled - begun)
    if settings.plateau is not None and since >= settings.plateau:
        return f"plateau: {since} trials without a keep"
    if settings.at is not None and desk.now >= next_time(settings.at, memory.since):
        return f"it is past {settings.at}"
    if settings.runs is not None and state.runs_here >= settings.runs:
        return f"{state.runs_here} runs are done"
    stop = Stop(settings, clock=lambda: desk.now)
    stop.begin(campaign)
    return stop.reached(campaign)


def _send(desk: Desk, memory: Memory, step: Next, progress: str = "") -> Answer:
    """Send the agent on, unless it was told before, or too often while nothing came of it."""
    if step.over:
        desk.memories.write(replace(memory, autonomy=False, reason=step.over))
        return go_on(step.prompt, f"Autoresearch loop ends: {step.over}. Autonomy is off.")
    if step.blocker:
        if memory.said == step.blocker:
            return let_go("Autoresearch loop let go: the agent was told what it waits for.")
        desk.memories.write(replace(memory, said=step.blocker))
        return go_on(step.prompt, "Autoresearch loop: told once what it waits for.")
    patient = step.waits and desk.now - memory.nudged >= _PATIENCE
    nudges = 0 if progress != memory.progress or patient else memory.nudges
    if nudges >= NUDGES:
        desk.memories.write(replace(memory, nudges=0, progress=""))
        why = f"sent on {NUDGES} times, and nothing new was measured"
        return let_go(f"Autoresearch loop let go: {why}. Autonomy stays on; say what next.")
    fresh = replace(memory, said="", nudges=nudges + 1, nudged=desk.now, progress=progress)
    desk.memories.write(fresh)
    return go_on(step.prompt, "Autoresearch loop continuing.")
