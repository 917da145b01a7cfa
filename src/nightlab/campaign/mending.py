"""One more chance for a trial that failed by a slip: a fix by its writer, or half the batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nightlab.campaign.asking import ask
from nightlab.change import Edits, Refused
from nightlab.change.batch import halved
from nightlab.change.build import Builder
from nightlab.change.repository import CommittedFiles, Repository
from nightlab.change.settings import ChangeSettings
from nightlab.propose import NothingToPropose, Proposer
from nightlab.run.trace import is_trivial, read_trace
from nightlab.types import Change, History, Idea, NightlabError, Outcome, Run, Trial


@dataclass(frozen=True)
class Mended:
    """A trial's change as it is after mending, and what was done, for people to read."""

    why: str
    change: Change


class Mending:
    """Mends a trial once. What it makes is measured from the start, under the trial's number."""

    def __init__(self, settings: ChangeSettings, repository: Repository, builder: Builder) -> None:
        self.settings = settings
        self.repository = repository
        self.builder = builder

    def mend(self, trial: Trial, history: History, proposer: Proposer) -> Mended | None:
        """The trial without what it failed by; None where that is no slip, or was mended before."""
        run = trial.failed
        if run is None or trial.attempts or trial.in_flight or trial.verdict:
            return None
        try:
            if run.outcome is Outcome.OUT_OF_MEMORY:
                return self._halved(trial)
            if run.outcome is Outcome.CRASH:
                return self._fixed(trial, run, history, proposer)
        except (NothingToPropose, Refused, NightlabError):
            return None  # it stays as it is: a crash
        return None

    def _halved(self, trial: Trial) -> Mended | None:
        found = halved(self.settings, self.repository.files(trial.commit))
        if found is None:
            return None
        why = f"out of memory: {found.name} {found.before} -> {found.after}"
        return Mended(why, self._change(trial, found.edits, bounded=False))

    def _fixed(self, trial: Trial, run: Run, history: History, proposer: Proposer) -> Mended | None:
        fix = getattr(proposer, "fix", None)
        trace = read_trace(Path(run.log))
        if fix is None or not is_trivial(trace):
            return None
        idea = ask(lambda: fix(history, trial, trace))
        if idea.unusable:
            return None
        files = self.repository.files(trial.commit)
        edits = self.builder.surface.apply(idea, files)
        return Mended(f"fixed after a crash: {run.detail}", self._change(trial, edits))

    def _change(self, trial: Trial, edits: Edits, bounded: bool = True) -> Change:
        """The trial with these edits on top, as one change of what it was built from."""
        before, after = (self.repository.files(c) for c in (trial.parent, trial.commit))
        whole = {**_differences(before, after), **edits}
        whole = {path: new for path, new in whole.items() if new != before.get(path)}
        idea = Idea(trial.summary, trial.hypothesis, trial.emitter, trial.moved)
        if not whole:
            raise Refused("nothing is left of the change")
        return self.builder.make(idea, whole, before, bounded)


def _differences(before: CommittedFiles, after: CommittedFiles) -> Edits:
    """What leads from one commit to another."""
    names = [path for path in {*before, *after} if before.blob(path) != after.blob(path)]
    return {path: after.get(path) for path in sorted(names)}
