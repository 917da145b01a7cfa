"""What summary.json said when the last call ended: it stays until something else is found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightlab.types import History, one_line

_LOOKED_BACK = ("confirmed", "longer", "ablation")
"""What a look back puts into the `nightlab` object of the ledger."""


@dataclass(frozen=True)
class Earlier:
    """A ledger as it was found; `best` is the iteration that was the best, 0 for the baseline."""

    best: int | None = None
    iterations: int = 0
    finished: bool = False
    found: Mapping[str, Any] = field(default_factory=dict)

    def is_of(self, history: History) -> bool:
        """Whether the same trial is the best now."""
        return self.best == history.incumbent.number

    def is_all_of(self, history: History) -> bool:
        """Whether it ended with a look back, and nothing was settled since."""
        settled = sum(1 for trial in history.trials if trial.verdict is not None)
        return self.finished and self.is_of(history) and self.iterations == settled

    def refuted(self, history: History) -> str:
        """Why the best of now did not hold on fresh seeds; "" where it did, or nobody looked."""
        ablation = self.found.get("ablation")
        if not (self.is_of(history) and self.best and isinstance(ablation, Mapping)):
            return ""
        if ablation.get("taken") != "baseline":
            return ""
        return one_line(str(ablation.get("why") or "it did not hold"), 200)


def read_earlier(summary: Path) -> Earlier:
    """The ledger that is there; an empty one where there is none, or it can't be read."""
    try:
        ledger = json.loads(summary.read_text(encoding="utf-8"))
        own, iterations = ledger["nightlab"], len(ledger["iterations"])
        found = {name: own[name] for name in _LOOKED_BACK if name in own}
        best, finished = own["best_iteration"] or 0, ledger["finished_at"] is not None
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return Earlier()
    return Earlier(best, iterations, finished, found)
