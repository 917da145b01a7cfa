"""Words that switch autonomy on and off, and words that only look like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.agents.hooks.phrases import wish


@pytest.mark.parametrize(
    "prompt",
    [
        "Have a look at program.md and let's kick off a new experiment! Let's do the setup first.",
        "Kick off new experiment",
        "continue autonomously",
        "please continue autonomousy",
        "go autonomous",
        "Go autonomously now.",
        "NEVER STOP",
        "Work on it and never stop until 5 am.",
        "Never stop experimenting!",
        "continue the loop",
        "resume the autoresearch loop",
        "restart the research loop",
        "start the autonomous experiment loop",
        "You may now start the\nresearch loop.",
    ],
)
def test_on(prompt: str) -> None:
    found = wish(prompt)
    assert found is not None and found[0] and found[1]


@pytest.mark.parametrize(
    "prompt",
    [
        "pause",
        "Please pause here.",
        "stop after this run",
        "don't continue",
        "Don’t continue",
        "do not continue",
        "summarize only",
        "hold here",
        "stop the loop",
        "end the loop",
        "stop the research loop",
        "disable autonomy",
        "go autonomous, but stop after three trials",
        "kick off a new experiment. No, pause.",
    ],
)
def test_off_and_off_wins(prompt: str) -> None:
    found = wish(prompt)
    assert found is not None and not found[0]


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "what is the best so far?",
        "I'll never stop loving this",
        "The optimizer should never stop early",
        "Never stop believing.",
        "do not kick off a new experiment yet",
        "don't go autonomous",
        "please don't pause",
        "never pause",
        'what does "go autonomous" do?',
        "what does `kick off a new experiment` do?",
        "```\ncontinue the loop\n```",
        "he wrote:\n> continue the loop\nand why?",
        "they said 'stop the loop' to me",
        "is there a pause between runs?",
        "add a pause-button",
        "autonomous driving",
    ],
)
def test_neither(prompt: str) -> None:
    assert wish(prompt) is None


@given(st.text(max_size=200))
def test_any_text_is_read(prompt: str) -> None:
    assert wish(prompt) is None or isinstance(wish(prompt), tuple)
