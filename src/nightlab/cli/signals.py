"""Signals of a session: the first asks for a clean end, the second ends at once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

_CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedAtOnce(BaseException):
    """The second signal: no clean-up but the runner's own."""


class Signals:
    """Catches the signals that ask a process to end, until they are released."""

    def __init__(self) -> None:
        self.heard = False
        self._again = False
        self._ask: Callable[[str], None] = lambda _: None
        self._handlers: list[tuple[int, Any]] = []

    def catch(self, ask: Callable[[str], None]) -> None:
        """Tell `ask` the first signal. Those that are ignored (as by nohup) stay so."""
        self._ask, self._again = ask, False
        if not self._handlers:
            wanted = [n for n in _CAUGHT if signal.getsignal(n) is not signal.SIG_IGN]
            self._handlers = [(number, signal.signal(number, self._hear)) for number in wanted]

    def release(self) -> None:
        """Let signals do again what they did before."""
        for number, handler in self._handlers:
            signal.signal(number, handler)
        self._handlers.clear()

    def _hear(self, number: int, _: object) -> None:
        if self._again:
            raise StoppedAtOnce("stopped at once, by a second signal")
        self.heard = self._again = True
        self._ask(f"interrupted by {signal.Signals(number).name}")
