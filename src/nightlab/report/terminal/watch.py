"""Watching a campaign until its session ends: in place, in lines, or as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from rich.console import Console, ConsoleDimensions
from rich.text import Text

from nightlab.remember.events import SessionEnded
from nightlab.report.status import status, status_lines
from nightlab.report.terminal.block import block
from nightlab.report.terminal.follow import Follower
from nightlab.report.terminal.pen import pen_for
from nightlab.report.terminal.screen import Screen
from nightlab.study import Study
from nightlab.types import one_line

WAITING = "no session is running; waiting for one to begin, Ctrl-C ends this"
GONE = "its session is gone without a word; `nightlab run` goes on from there"


class Show(Protocol):
    """Shows where a campaign stands."""

    def show(self, follower: Follower, changed: bool, waiting: bool) -> None:
        """Another look was taken. Did it find anything new, and does it wait for a session?"""
        ...

    def say(self, line: str) -> None:
        """The last word."""
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


class InPlace:
    """Redraws what `nightlab run` shows, at each look."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.pen = pen_for(console.encoding)
        self.follower: Follower | None = None
        self.footer: str | None = None
        self.waiting = False
        self.screen = Screen(console, self.draw, by_itself=False)

    def show(self, follower: Follower, changed: bool, waiting: bool) -> None:
        self.follower, self.waiting = follower, waiting
        self.screen.start()
        self.screen.refresh()

    def say(self, line: str) -> None:
        """In the last line of the last frame, or below where that is too narrow."""
        said = self.pen.clean(line, 2000)
        self.footer = said if len(said) <= self.console.width else ""
        self.close()
        if not self.footer:
            self.console.print(said, markup=False, highlight=False, emoji=False)

    def close(self) -> None:
        self.screen.stop()

    def draw(self, size: ConsoleDimensions) -> Sequence[Text]:
        """The lines for a terminal of this size, one of its rows left free."""
        if self.follower is None:
            return []
        scene, said = self.follower.scene(), self.follower.said()
        stopped = f" (stopped: {scene.stopped})" if scene.stopped else ""
        idle = f"{WAITING}{stopped}" if self.waiting else None
        footer = idle if self.footer is None else self.footer
        rows = max(1, size.height - 1)
        return block(scene, said, (size.width, rows), self.pen, time.time(), footer)


class InLines:
    """Prints the whole status whenever something has changed."""

    def __init__(self, study: Study, print_line: Callable[[str], None]) -> None:
        self.study = study
        self.print_line = print_line
        self.waiting = False

    def show(self, follower: Follower, changed: bool, waiting: bool) -> None:
        if changed:
            told = status(self.study, follower.campaign)
            for line in [*status_lines(told, follower.campaign.history), ""]:
                self.print_line(line)
        if waiting and not self.waiting:
            self.print_line(WAITING)
        self.waiting = waiting

    def say(self, line: str) -> None:
        self.print_line(one_line(line, 1000))

    def close(self) -> None:
        """Nothing is held."""


class InJson:
    """Prints `status --json` on a line of its own whenever something has changed."""

    def __init__(self, study: Study, print_line: Callable[[str], None]) -> None:
        self.study = study
        self.print_line = print_line

    def show(self, follower: Follower, changed: bool, waiting: bool) -> None:
        if changed:
            self.print_line(json.dumps(status(self.study, follower.campaign)))

    def say(self, line: str) -> None:
        """The documents say it all."""

    def close(self) -> None:
        """Nothing is held."""


def watch(
    study: Study,
    tag: str | None,
    show: Show,
    every: float,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Show each change until the session that runs, or the next one, ends. Returns why it did.

    Without a tag it goes over to whichever campaign is run next.
    """
    follower = Follower(study, study.pick(tag))
    try:
        seen = follower.running
        show.show(follower, True, not seen)
        while True:
            sleep(every)
            if tag is None and not seen:
                follower = _latest(study, follower)
            before = follower.running
            events = follower.look()
            ended = any(isinstance(event, SessionEnded) for event in events)
            over = not follower.running and (seen or ended)
            seen = seen or follower.running
            changed = bool(events) or follower.running != before
            show.show(follower, changed, not (seen or over))
            if over:
                return follower.campaign.state.stopped or GONE
    finally:
        follower.close()


def _latest(study: Study, follower: Follower) -> Follower:
    """Follow the campaign that is being run now, if it is another one."""
    holder = study.running()
    if holder is None or holder.campaign in ("", follower.campaign.tag):
        return follower
    if holder.campaign not in study.tags():
        return follower
    follower.close()
    return Follower(study, holder.campaign)
