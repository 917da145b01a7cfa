"""A session begins: the agent is told where the study stands."""

from __future__ import annotations

from dataclasses import replace

from nightlab.agents.hooks.answer import Answer, context
from nightlab.agents.hooks.desk import Desk
from nightlab.agents.hooks.learned import learned
from nightlab.agents.hooks.payload import Event, Payload
from nightlab.agents.hooks.story import last_trials, standing
from nightlab.types import NightlabError, one_line


def answer(payload: Payload, desk: Desk) -> Answer:
    """The state of the study as context. A broken program.md is one line of it."""
    source = one_line(payload.source, 40) or "unknown"
    return context(Event.SESSION_START, "\n".join([f"Session source: {source}", *state(desk)]))


def state(desk: Desk) -> list[str]:
    """What an agent must know, a line each."""
    if desk.outline.trouble:
        return [f"Nightlab: program.md can't be read; tell the human: {desk.outline.trouble}"]
    memory = desk.memories.read()
    autonomy = f'on (the human said "{memory.reason}")' if memory.autonomy else "off"
    lines = [
        f"Nightlab study: {one_line(desk.study.program.title) or desk.place.study.name}",
        f"branch: {desk.place.branch or 'none'}; autonomy: {autonomy}",
        f"may be edited: {', '.join(desk.outline.surface)}; nothing else, program.md least of all",
    ]
    try:
        return [*lines, *_campaign(desk), *_how()]
    except NightlabError as error:
        return [*lines, f"Nightlab: {one_line(str(error), 400)}"]


def _campaign(desk: Desk) -> list[str]:
    campaign = desk.campaign()
    if campaign is None:
        return [
            "campaign: none yet; `nightlab run --trials 0` begins one and measures the baseline"
        ]
    memory = desk.memories.read()
    reviewed = {**memory.reviewed, campaign.tag: len(campaign.state.order)}
    desk.memories.write(replace(memory, reviewed=reviewed))
    holder = desk.study.running()
    at_work = f"; a session of it is running (process {holder.pid})" if holder else ""
    return [
        f"campaign: {campaign.tag}, branch {campaign.branch}{at_work}",
        *standing(campaign),
        *last_trials(campaign.history),
        *learned(desk.study, campaign),
    ]


def _how() -> list[str]:
    return [
        'measure an edit: `nightlab try --by EMITTER -m "summary" --hypothesis "why"`, with the'
        " plan's emitter, or agent; where it"
        " stands: `nightlab status`; one trial: `nightlab show N`; how to go about it:"
        " `nightlab agent skill`"
    ]
