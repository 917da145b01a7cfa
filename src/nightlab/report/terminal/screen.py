"""Lines that are redrawn in place on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleRenderable, Group
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import ConsoleDimensions

Draw = Callable[["ConsoleDimensions"], Sequence[Text]]


class Screen(Live):
    """Rich's Live that bears a terminal being resized or going away. Leaves its last lines."""

    def __init__(self, console: Console, draw: Draw, by_itself: bool = True) -> None:
        """`draw` gives the lines for a size; redrawn four times a second, or on `refresh`."""
        self._drawn = console.size
        super().__init__(
            console=console,
            get_renderable=lambda: Group(*draw(console.size)),
            auto_refresh=by_itself,
            refresh_per_second=4,
            redirect_stderr=sys.stderr.isatty(),
        )

    def refresh(self) -> None:
        """Draw, as long as there is a terminal; the work goes on without."""
        with suppress(OSError):
            super().refresh()

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Begin on a clean screen after a resize: old lines are no longer where they were."""
        shown, size = super().process_renderables(renderables), self.console.size
        if size != self._drawn and shown and isinstance(shown[0], Control):
            shown[0] = Control(ControlType.HOME, ControlType.CLEAR)
        self._drawn = size
        return shown
