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


@pytest.mark.parametrize(
    "prompt",
    [
        "stop",
        "Stop now.",
        "wait, stop everything",
        "Hold on",
        "take a pause",
        "Enough for tonight",
        "never continue the loop",
        "don't go autonomous any more",
        "Stop. I'll say continue autonomously when ready",
        "stop, continue the loop tomorrow",
    ],
)
def test_a_plain_stop_is_one(prompt: str) -> None:
    found = wish(prompt)
    assert found is not None and not found[0]


@pytest.mark.parametrize(
    "prompt",
    [
        "we won't continue autonomously",
        "no longer continue autonomously",
        "I did not ask you to go autonomous",
        "Instead of continue autonomously, ask",
        "If I tell you to continue autonomously, what would you do?",
        "how does it continue autonomously?",
        "explain how to start the research loop",
        "Why did you kick off a new experiment?",
        "Would you like to go autonomous later?",
        "the GC pause is long",
        "early stopping: it should stop after 3 bad epochs",
    ],
)
def test_what_is_only_talked_about_switches_nothing(prompt: str) -> None:
    assert wish(prompt) is None
