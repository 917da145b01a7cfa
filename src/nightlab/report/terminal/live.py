"""The live view of a session in a terminal: what runs now, what was decided, how it stands."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, ConsoleDimensions
from rich.text import Text

from nightlab.campaign import Campaign
from nightlab.remember.events import Event, RunEnded
from nightlab.report.terminal.block import block
from nightlab.report.terminal.lines import wrote_line
from nightlab.report.terminal.pace import Limits, limits_of
from nightlab.report.terminal.pen import pen_for
from nightlab.report.terminal.scene import Scene, Stage
from nightlab.report.terminal.screen import Screen
from nightlab.stop import Stop
from nightlab.types import Progress

_REST = 12
"""Rows of the live region that must stay in sight when something is printed above it."""


class LiveView:
    """Redraws in place, a few times a second; leaves its last frame behind.

    Events come from the thread that works and are frozen into a scene there; another one draws.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.pen = pen_for(console.encoding)
        self.stage: Stage | None = None
        self.stop: Stop | None = None
        self.scene: Scene | None = None
        self.said: dict[int, Progress] = {}
        self.footer: str | None = None
        self.screen = Screen(console, self.draw)

    def begin(self, campaign: Campaign, stop: Stop | None = None) -> None:
        """Start drawing."""
        self.stop = stop
        limits = limits_of(stop, campaign.state) if stop else Limits()
        self.stage = Stage(campaign.tag, campaign.state, limits, time.time())
        self.scene = self.stage.scene(time.time())
        self.screen.start()

    def event(self, event: Event) -> None:
        """Take an event in."""
        assert self.stage is not None
        if isinstance(event, RunEnded):
            self.said.pop(event.run, None)
        self.stage.take(event)
        self.scene = self.stage.scene(time.time())

    def progress(self, progress: Progress) -> None:
        """Take a run's progress in."""
        self.said[progress.run] = progress

    def progress_report(self, text: str, path: Path) -> None:
        """Print it above the live region where it can be read there, else say where it is."""
        lines, (width, height) = text.splitlines(), self.console.size
        rows = sum(1 + len(line) // width for line in lines)
        table = max(len(line) for line in lines if line.startswith("|"))
        if table <= width and rows + _REST <= height:
            self._say("\n".join([*lines, ""]))
        else:
            self._say(f"{lines[0].lstrip('# ')}: {path.name}")

    def note(self, line: str) -> None:
        """Say something above the live region."""
        self._say(line)

    def wrote(self, files: Sequence[Path], folder: Path) -> None:
        """Draw the last frame and name what was written."""
        self.close()
        self._say(wrote_line(files, folder))

    def end(self, why: str) -> None:
        """Draw the last frame; where it has no room to say why it stopped, say that below."""
        self.close()
        if not self.footer:
            self._say(f"stopped: {why}")

    def close(self) -> None:
        """Give the terminal back, whatever happened."""
        if self.footer is None:
            why = f"stopped: {self.scene.stopped}" if self.scene and self.scene.stopped else ""
            self.footer = why if len(why) <= self.console.width else ""
        self.screen.stop()

    def draw(self, size: ConsoleDimensions) -> Sequence[Text]:
        """The lines for a terminal of this size; what comes below in the end has room too."""
        scene = self.scene
        if scene is None:
            return []
        rows = max(1, size.height - 2)
        return block(scene, self.said, (size.width, rows), self.pen, time.time(), self._footer())

    def _footer(self) -> str | None:
        if self.footer is None and self.scene is not None and self.scene.stopped:
            return f"stopped: {self.scene.stopped}; writing the reports"
        if self.footer is None and self.stop is not None and self.stop.requested:
            return f"stopping: {self.stop.requested}"
        return self.footer

    def _say(self, text: str) -> None:
        lines = (self.pen.clean(line, 2000) for line in text.split("\n"))
        self.console.print("\n".join(lines), markup=False, highlight=False, emoji=False)
