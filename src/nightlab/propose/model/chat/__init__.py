"""Chat models behind one small interface: a conversation goes in, an answer or a failure comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nightlab.types import Usage


@dataclass(frozen=True)
class Message:
    """One turn of a conversation. `role` is "system", "user" or "assistant"."""

    role: str
    text: str


Conversation = Sequence[Message]


@dataclass(frozen=True)
class Answer:
    """What a model said, and what that cost. `cut` says that it was not let finish."""

    text: str
    usage: Usage
    cut: bool = False


class NoAnswer(Exception):
    """A call that brought no answer. The message says why, on one line, without any key."""


class Busy(NoAnswer):
    """It may well work a little later: too many calls, a failing server, a dropped connection.

    `wait` is how many seconds the server asks for, None where it doesn't say; `limited` that there
    were too many calls.
    """

    def __init__(self, message: str, wait: float | None = None, limited: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.limited = limited


class Rejected(NoAnswer):
    """The server won't have this very request: it is too long, say, or an option is unknown."""


class TooLate(NoAnswer):
    """Time was up before the answer came."""


class Chat(Protocol):
    """A client of one model. Each call stands alone: nothing is tried again, nothing remembered."""

    def ask(self, conversation: Conversation, seconds: float) -> Answer:
        """One call of at most so many seconds.

        Raises NoAnswer, or NightlabError where only the user can mend it: a wrong key, an unknown
        model, no credit.
        """
        ...

    def usd(self, input_tokens: int, output_tokens: int) -> float | None:
        """What so many tokens cost, None where that is not known."""
        ...


__all__ = ["Answer", "Busy", "Chat", "Conversation", "Message", "NoAnswer", "Rejected", "TooLate"]
