"""Whether a trial is really better: which runs are wanted, and what they decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nightlab.types import History, Verdict, Wanted


class Judge(Protocol):
    """Asks for runs, and decides when the evidence allows. Holds no state of its own."""

    def wanted(self, history: History) -> Sequence[Wanted]:
        """Runs it needs next, the most urgent first; none that is in flight or done."""
        ...

    def decide(self, history: History) -> Verdict | None:
        """The next verdict that the evidence allows, if any."""
        ...

    def closing_runs(self, history: History) -> int:
        """How many runs it would want before the report, if no further trial were opened."""
        ...

    def check_baseline(self, history: History) -> None:
        """Raise NightlabError where the policy can't be applied to what the baseline measured."""
        ...


__all__ = ["Judge"]
