"""A session as a line of JSON per event: for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

from nightlab.campaign import Campaign
from nightlab.remember.events import Event
from nightlab.stop import Stop
from nightlab.types import Progress


class JsonLines:
    """Every event as the ledger has it, and what a session does besides."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.tag = ""

    def begin(self, campaign: Campaign, stop: Stop | None = None) -> None:
        self.tag = campaign.tag

    def event(self, event: Event) -> None:
        self._tell(event.kind, at=time.time(), **asdict(event))

    def progress(self, progress: Progress) -> None:
        numbers = {name: value for name, value in progress.values.items() if isfinite(value)}
        self._tell("progress", run=progress.run, fraction=progress.fraction, values=numbers)

    def progress_report(self, text: str, path: Path) -> None:
        self._tell("progress_report", text=text)

    def note(self, line: str) -> None:
        self._tell("note", text=line)

    def wrote(self, files: Sequence[Path], folder: Path) -> None:
        self._tell("report", files=[str(path) for path in files])

    def end(self, why: str) -> None:
        self._tell("end", why=why)

    def close(self) -> None:
        """Nothing is held."""

    def _tell(self, event: str, **about: Any) -> None:
        self.say(json.dumps({"event": event, "campaign": self.tag, **about}))
