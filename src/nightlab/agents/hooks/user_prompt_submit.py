"""The human says something: autonomy may be switched on or off by it."""

from __future__ import annotations

from dataclasses import replace

from nightlab.agents.hooks.answer import Answer, context
from nightlab.agents.hooks.desk import Desk
from nightlab.agents.hooks.payload import Event, Payload
from nightlab.agents.hooks.phrases import wish

_ON = "Autonomy is on: go on by yourself until the campaign ends or the human stops you."
_OFF = "Autonomy is off: finish what you are at, say where it stands, and wait for the human."


def answer(payload: Payload, desk: Desk) -> Answer | None:
    """Record the wish, and tell the agent. Nothing is said of a prompt without one."""
    memory, wanted = desk.memories.read(), wish(payload.prompt)
    if wanted is None:
        if memory.nudges:  # the human has spoken: counting begins anew
            desk.memories.write(replace(memory, nudges=0))
        return None
    from nightlab.agents.hooks.session_start import state  # the loop and all it needs

    on, words = wanted
    memory = memory.switched(on, words, desk.now)
    if on and not memory.campaign and not desk.outline.trouble:
        campaign = desk.campaign()
        if campaign is not None:
            memory = replace(memory, campaign=campaign.tag, settled=campaign.state.settled)
    desk.memories.write(memory)
    notice, message = (_ON, "enabled") if on else (_OFF, "disabled")
    text = "\n".join([notice, *state(desk)])
    return context(Event.USER_PROMPT_SUBMIT, text, f'Autonomous loop {message} by "{words}".')
