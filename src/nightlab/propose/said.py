"""What whoever writes an edit says of it: lines that each begin with their name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nightlab.types import Idea, Prediction, one_line

NAMES = ("summary", "hypothesis", "predicted", "conjecture")
"""What may be said, each on a line of its own: `summary: raise the rate`."""


@dataclass(frozen=True)
class Said:
    """What was said, bounded; "" where nothing was. `predicted` is the word of a Prediction."""

    summary: str = ""
    hypothesis: str = ""
    predicted: str = ""
    conjecture: str = ""

    @classmethod
    def of(cls, told: Mapping[str, str]) -> Said:
        """From texts by name."""
        word = told.get("predicted", "").strip().lower().partition(" ")[0].strip(".,;:*_`")
        return cls(
            one_line(told.get("summary", "")),
            one_line(told.get("hypothesis", ""), 1000),
            word if word in {each.value for each in Prediction} else "",
            one_line(told.get("conjecture", ""), 200),
        )

    def idea(self, summary: str, emitter: str, files: Mapping[str, str | None]) -> Idea:
        """The edit of these files, with what was said of it; `summary` where nothing was."""
        return Idea(
            self.summary or summary,
            self.hypothesis,
            emitter,
            files=files,
            predicted=self.predicted,
            claims=(self.conjecture,) if self.conjecture else (),
        )
