"""From a trial to a job: everything that a runner needs for one run of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightlab.campaign.place import Place
from nightlab.change.keys import load_mapping
from nightlab.change.normal import digest
from nightlab.change.repository import Repository
from nightlab.remember.record import Record
from nightlab.types import Job, Outcome, Purpose, Trial, Wanted


class Jobs:
    """Makes jobs. `base` is the baseline's commit, `protected` the digests of the harness."""

    def __init__(
        self,
        tag: str,
        base: str,
        repository: Repository,
        place: Place,
        protected: Mapping[str, str],
    ) -> None:
        self.tag = tag
        self.base = base
        self.repository = repository
        self.place = place
        self.protected = protected
        self._codes: dict[str, str] = {}

    def log(self, run: int, trial: Trial, seed: int) -> Path:
        """Where a run's log is to be, in a folder that is there."""
        logs = self.place.logs(self.tag)
        logs.mkdir(parents=True, exist_ok=True)
        return logs / f"{trial.number}-seed{seed}-run{run}.log"

    def make(self, run: int, trial: Trial, seed: int, purpose: Purpose, log: Path) -> Job:
        """The job of one run."""
        return Job(
            run=run,
            trial=trial.number,
            seed=seed,
            purpose=purpose,
            export=lambda folder: self.repository.export(trial.commit, folder),
            harness=lambda folder: self.repository.export(self.base, folder),
            code=self._code(trial.commit),
            parameters=self._call_parameters(trial),
            protected=self.protected,
            log=log,
            artifacts=self.place.artifacts(self.tag, trial.number) / str(run),
            times=self.place.validation if purpose is Purpose.VALIDATE else 1.0,
        )

    def _code(self, commit: str) -> str:
        """Identity of all files but the keys file."""
        if commit not in self._codes:
            files, keys = self.repository.files(commit), self.place.keys
            full = f"{self.repository.prefix}{keys}"
            self._codes = {} if len(self._codes) > 64 else self._codes
            self._codes[commit] = digest(
                f"{path}:{blob}" for path, (blob, _) in files.entries.items() if path != full
            )
        return self._codes[commit]

    def _call_parameters(self, trial: Trial) -> dict[str, Any]:
        keys = self.place.keys
        if keys is None:
            return dict(trial.parameters)
        return load_mapping(keys, self.repository.files(trial.commit)[keys])


def cut_off(record: Record) -> list[Wanted]:
    """The runs that were in flight when a session ended, in the order in which they had begun.

    Of open trials and those that stand: to what else was cut off nothing hangs any more.
    """
    cut: dict[Wanted, int] = {}
    standing = {0, *record.kept}
    for trial in (record.baseline, *record.trials):
        if trial.verdict is not None and trial.number not in standing:
            continue
        for run in trial.runs:
            wanted = Wanted(trial.number, run.seed, run.purpose)
            cut.pop(wanted, None)
            if run.outcome is Outcome.INTERRUPTED and run.purpose is not Purpose.CONFIRM:
                cut[wanted] = run.number
    return sorted(cut, key=cut.__getitem__)
