"""What every part of the summary needs of a campaign, looked up once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nightlab.campaign import Campaign
from nightlab.remember.record import Record
from nightlab.settings import Settings
from nightlab.study import Study
from nightlab.types import Decision, History, Trial


@dataclass(frozen=True)
class Facts:
    """A campaign as the summary sees it.

    `gains` holds how much better than the baseline each settled trial is (positive: better), by
    number, where that is known. `best` are the artifacts of the incumbent, in the study.
    """

    study: Study
    campaign: Campaign
    history: History
    settled: Sequence[Trial]
    gains: dict[int, float]
    best: Sequence[Path] = ()

    @classmethod
    def of(cls, study: Study, campaign: Campaign, best: Sequence[Path] = ()) -> Facts:
        history = campaign.history
        settled = [trial for trial in history.trials if trial.verdict is not None]
        gains = {}
        for trial in settled:
            gain = history.gain(trial, history.baseline)
            if gain is not None and not trial.failed:
                gains[trial.number] = gain
        return cls(study, campaign, history, settled, gains, best)

    @property
    def record(self) -> Record:
        """The campaign's state."""
        return self.campaign.state

    @property
    def settings(self) -> Settings:
        """The study's settings."""
        return self.study.settings

    def gain(self, trial: Trial) -> float:
        """The gain over the baseline, minus infinity where it isn't known."""
        return self.gains.get(trial.number, float("-inf"))

    def decided(self, *decisions: Decision) -> list[Trial]:
        """The settled trials with one of these verdicts, the first one first."""
        return [t for t in self.settled if t.verdict and t.verdict.decision in decisions]

    def category(self, trial: Trial) -> str:
        """What kind of change it was: the tags of what moved, else the files that were edited."""
        space = self.settings.change.space
        tags = {tag for n in trial.moved if n in space for tag in space[n].tags or (n,)}
        if tags:
            return ", ".join(sorted(tags))
        return ", ".join(trial.files) or "other"
