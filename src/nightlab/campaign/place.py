"""Where a campaign's things lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Where a campaign's things lie: `home` is out of the checkout, in the git common folder.

    `time_limit` is that of a run in seconds, `validation` how many times the budget of a run a
    longer validation has. With `in_order` a session begins with what the last one was cut off from.
    """

    home: Path
    results: Path
    keys: str | None
    time_limit: float
    validation: float = 1.0
    in_order: bool = False

    def logs(self, tag: str) -> Path:
        """The folder of a campaign's logs."""
        return self.home / "logs" / tag

    def artifacts(self, tag: str, trial: int) -> Path:
        """The folder of a trial's artifacts, one folder a run."""
        return self.home / "artifacts" / tag / str(trial)
