"""The campaign's branch and its pins: where the ledger says they are."""

from __future__ import annotations

from nightlab.change.repository import Repository
from nightlab.remember.record import Record
from nightlab.types import NightlabError, Trial


class Branch:
    """Branch `autoresearch/<tag>` is at the incumbent, and each trial is pinned under a ref."""

    def __init__(self, name: str, tag: str, repository: Repository) -> None:
        self.name = name
        self.tag = tag
        self.repository = repository

    def pin(self, trial: Trial) -> None:
        """Keep a trial's commit, and those of its earlier attempts."""
        if not trial.number:
            return
        ref = f"refs/nightlab/{self.tag}/{trial.number}"
        self.repository.pin(ref, trial.commit)
        for number, attempt in enumerate(trial.attempts, 1):
            self.repository.pin(f"{ref}-{number}", attempt.commit)

    def follow(self, record: Record) -> None:
        """Bring the branch to the incumbent, from where the ledger last left it."""
        tip, was_made = self.repository.tip(self.name), bool(record.runs)
        wanted = record.trial(record.incumbent).commit
        if tip == wanted:
            return
        expected = record.trial(record.previous_incumbent).commit
        if tip is None and was_made:
            raise NightlabError(
                f"branch {self.name} is gone; `git branch {self.name} {wanted[:12]}` makes it"
                " again, then run `nightlab run`"
            )
        if tip is not None and was_made and tip not in (wanted, expected):
            raise NightlabError(
                f"branch {self.name} was moved to {tip[:12]}, and not by Nightlab; put it back"
                f" with `git branch -f {self.name} {wanted[:12]}`, then run `nightlab run`"
            )
        self.repository.move(self.name, wanted, expected if was_made else None)
