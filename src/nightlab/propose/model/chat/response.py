"""Between our messages and the objects of clients that speak like OpenAI's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nightlab.propose.model.chat import Answer, Conversation, NoAnswer
from nightlab.types import Usage

PER_TOKEN = 4
"""Characters of a token, where a server doesn't count its tokens: of English text, about."""

Price = Callable[[int, int], "float | None"]


def turns(conversation: Conversation) -> list[dict[str, str]]:
    """A conversation as the wire has it."""
    return [{"role": each.role, "content": each.text} for each in conversation]


def read_response(
    response: Any, conversation: Conversation, price: Price, usd: float | None = None
) -> Answer:
    """The first choice of a response. `usd` is what it cost, where the client knows.

    Raises NoAnswer where there is no choice, or the server held the answer back.
    """
    choices = getattr(response, "choices", None)
    if not isinstance(choices, (list, tuple)) or not choices:
        raise NoAnswer("the server sent no answer: there is no choice in its response")
    choice = choices[0]
    finish = getattr(choice, "finish_reason", None)
    text = _text(getattr(getattr(choice, "message", None), "content", None))
    if finish == "content_filter" and not text:
        raise NoAnswer("the server held the answer back: its content filter took offence")
    read, written = _tokens(response, conversation, text)
    usd = price(read, written) if usd is None else usd
    return Answer(text, Usage(read, written, usd), cut=finish == "length")


def estimated(conversation: Conversation, text: str = "") -> tuple[int, int]:
    """Tokens in and out by counting characters: see PER_TOKEN."""
    return _of(sum(len(each.text) for each in conversation)), _of(len(text))


_MOST = 10**12
"""Tokens. A server that counts more of them counts wrong."""


def _of(characters: int) -> int:
    return -(-characters // PER_TOKEN)


def _tokens(response: Any, conversation: Conversation, text: str) -> tuple[int, int]:
    """As the server counts them, else as estimated."""
    usage = getattr(response, "usage", None)
    counts = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    guess = estimated(conversation, text)
    read, written = (
        count if isinstance(count, int) and 0 <= count <= _MOST else about
        for count, about in zip(counts, guess, strict=True)
    )
    return (read, written) if read else (guess[0], written or guess[1])


def _text(content: Any) -> str:
    """The text of a message, which a few servers send in parts. What is no Unicode is replaced."""
    if isinstance(content, list):
        parts = [each.get("text") if isinstance(each, dict) else each for each in content]
        content = "".join(each for each in parts if isinstance(each, str))
    plain = content if isinstance(content, str) else ""
    return plain.encode("utf-8", "replace").decode("utf-8")
