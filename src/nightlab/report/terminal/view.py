"""Who follows a session: the terminal, a pipe, a program, or nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from nightlab.campaign import Campaign
from nightlab.remember.events import Event
from nightlab.stop import Stop
from nightlab.types import Progress


class View(Protocol):
    """Follows a session. All calls come from the thread that works."""

    def begin(self, campaign: Campaign, stop: Stop | None = None) -> None:
        """A session begins; `stop` is when it ends."""
        ...

    def event(self, event: Event) -> None:
        """Something happened, and the campaign has taken it in."""
        ...

    def progress(self, progress: Progress) -> None:
        """A run in flight says how far it is."""
        ...

    def progress_report(self, text: str, path: Path) -> None:
        """A progress report was written to `path`."""
        ...

    def note(self, line: str) -> None:
        """Something else that a reader should know."""
        ...

    def wrote(self, files: Sequence[Path], folder: Path) -> None:
        """Reports were written into the study's `folder`."""
        ...

    def end(self, why: str) -> None:
        """The session is over."""
        ...

    def close(self) -> None:
        """Give back what is held, whatever happened; may be called again."""
        ...


class WhileItLasts:
    """A view that falls silent when its terminal or pipe is gone; the session goes on without."""

    def __init__(self, view: View | None) -> None:
        self.view = view

    def begin(self, campaign: Campaign, stop: Stop | None = None) -> None:
        self._tell("begin", campaign, stop)

    def event(self, event: Event) -> None:
        self._tell("event", event)

    def progress(self, progress: Progress) -> None:
        self._tell("progress", progress)

    def progress_report(self, text: str, path: Path) -> None:
        self._tell("progress_report", text, path)

    def note(self, line: str) -> None:
        self._tell("note", line)

    def wrote(self, files: Sequence[Path], folder: Path) -> None:
        self._tell("wrote", files, folder)

    def end(self, why: str) -> None:
        self._tell("end", why)

    def close(self) -> None:
        self._tell("close")

    def _tell(self, what: str, *about: object) -> None:
        if self.view is None:
            return
        try:
            getattr(self.view, what)(*about)
        except OSError:
            self.view = None
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
