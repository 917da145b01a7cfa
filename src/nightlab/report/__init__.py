"""What people read: terminal, tables, charts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nightlab.campaign import Campaign
    from nightlab.study import Study


class Report(Protocol):
    """Writes something about a campaign into its study."""

    def write(self, study: Study, campaign: Campaign) -> Sequence[Path]:
        """Write it, and return the files, the most readable first."""
        ...


__all__ = ["Report"]
