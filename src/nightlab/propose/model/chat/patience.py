"""How long a model is waited for, how often a call is made again, and that each is paid."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from nightlab.propose import NothingToPropose, Setting
from nightlab.propose.model.chat import (
    Answer,
    Busy,
    Chat,
    Conversation,
    NoAnswer,
    Rejected,
    TooLate,
)
from nightlab.propose.model.chat.response import estimated
from nightlab.types import NightlabError, Usage

_TICK = 0.05
_MARGIN = 1.0
"""Seconds that a client has more than it is waited for: whose time is up is decided here."""

_FAILURES = 5
_IN_VAIN = 3
"""So many questions without an answer, and never one: whoever is asked there is no model."""

_LONGEST = 300.0
"""Seconds. A server that asks for more is asked again then."""


class Patience:
    """Asks a model until it answers, for at most so many seconds.

    Where there were too many calls it waits as long as the server says; where the server fails, it
    tries a few times, longer apart each time. It gives up as soon as the session is cancelled.
    """

    def __init__(self, chat: Chat, setting: Setting, emitter: str, seconds: float) -> None:
        self.chat = chat
        self.setting = setting
        self.emitter = emitter
        self.seconds = seconds
        self.pause = 1.0
        self.answered = False
        self.in_vain = 0

    def ask(self, conversation: Conversation) -> Answer:
        """The model's answer. Raises NoAnswer; NothingToPropose where no call may be made.

        Raises NightlabError where no call ever worked: that is no bad luck.
        """
        try:
            answer = self._ask(conversation, time.monotonic() + self.seconds)
        except NoAnswer as failure:
            self.in_vain += 1
            hopeless = isinstance(failure, (Busy, Rejected)) or self.in_vain >= _IN_VAIN
            if self.answered or getattr(failure, "limited", False) or not hopeless:
                raise
            raise NightlabError(f"propose.model: {failure}") from None
        self.answered = True
        return answer

    def _ask(self, conversation: Conversation, deadline: float) -> Answer:
        failures = waits = 0
        while True:
            if why := self.setting.purse.empty():
                raise NothingToPropose(why)
            try:
                return self._call(conversation, deadline)
            except Busy as busy:
                failures += not busy.limited
                if failures >= _FAILURES:
                    raise
                pause = self.pause * 2**waits if busy.wait is None else busy.wait
                waits += 1
                self._wait(min(pause, _LONGEST), deadline, busy)

    def _call(self, conversation: Conversation, deadline: float) -> Answer:
        """One call, and what it cost: estimated where it was made and nothing can be known."""
        began = time.monotonic()
        usage = self._usage(*estimated(conversation))
        left = max(0.0, deadline - began) + _MARGIN
        try:
            answer = self._in_background(lambda: self.chat.ask(conversation, left), deadline)
            usage = answer.usage
            return answer
        except (Busy, Rejected, NightlabError):
            usage = self._usage(0, 0)
            raise
        finally:
            spent = replace(usage, seconds=time.monotonic() - began)
            self.setting.purse.pay(self.emitter, spent)

    def _usage(self, read: int, written: int) -> Usage:
        return Usage(read, written, self.chat.usd(read, written))

    def _in_background(self, call: Callable[[], Answer], deadline: float) -> Answer:
        """A call that is left to itself where it lasts too long, or the session is cancelled."""
        ended: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()

        def work() -> None:
            try:
                ended.put(call())
            except BaseException as error:  # it is raised where the call is waited for
                ended.put(error)

        threading.Thread(target=work, name="nightlab-model", daemon=True).start()
        while True:
            self._check()
            try:
                found = ended.get(timeout=_TICK)
            except queue.Empty:
                if time.monotonic() > deadline:
                    raise TooLate(f"the model did not answer within {self.seconds:g} s") from None
                continue
            if isinstance(found, BaseException):
                raise found
            return found

    def _wait(self, seconds: float, deadline: float, busy: Busy) -> None:
        """Until it makes sense to ask again."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            if now > deadline:
                raise TooLate(f"no answer within {self.seconds:g} s: {busy}")
            self._check()
            time.sleep(min(_TICK, until - now))

    def _check(self) -> None:
        if self.setting.cancelled():
            raise NothingToPropose("interrupted while proposing")
