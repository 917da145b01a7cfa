"""A campaign followed from outside: what its ledger has gained since the last look."""

from __future__ import annotations

import time
from pathlib import Path

from nightlab.campaign import Campaign
from nightlab.remember.events import Event, SessionBegan
from nightlab.remember.record import Record
from nightlab.report.terminal.pace import Limits
from nightlab.report.terminal.scene import Scene, Stage
from nightlab.run.output import read_progress
from nightlab.study import Study
from nightlab.types import Progress


class Follower:
    """Reads the ledger on, from where it was. `campaign.state` is as of the last look."""

    def __init__(self, study: Study, tag: str) -> None:
        self.study = study
        self.campaign: Campaign = study.campaign(tag)
        self.campaign.state = Record()
        self._stage: Stage | None = None
        self._last = 0
        self._began = 0.0
        self._settled = 0
        self.running = False
        self.look()

    def look(self) -> list[Event]:
        """Take in what is new, and return it. A session that has ended has no more to come."""
        self.running = is_running(self.study, self.campaign.tag)
        fresh: list[Event] = []
        for entry in self.campaign.ledger.read(self.campaign.tag, after=self._last):
            self._last = entry.id
            self.campaign.follow(entry)
            fresh.append(entry.event)
            if isinstance(entry.event, SessionBegan):
                self._began = entry.at
                self._settled = self.campaign.state.settled
            if self._stage is not None:
                self._stage.take(entry.event)
        if self._stage is None or any(isinstance(event, SessionBegan) for event in fresh):
            self._stage = self._new_stage()
        return fresh

    def _new_stage(self) -> Stage:
        state, plateau = self.campaign.state, self.study.settings.stop.plateau
        session = state.session
        trials, deadline = (session.trials, session.deadline) if session else (None, None)
        limits = Limits(trials, deadline, plateau, self._settled)
        return Stage(self.campaign.tag, state, limits, self._began)

    def scene(self) -> Scene:
        """The campaign as of the last look."""
        assert self._stage is not None
        return self._stage.scene(time.time(), self.running)

    def said(self) -> dict[int, Progress]:
        """What the logs of the runs in flight say of their progress."""
        found = {}
        for number, trial in self.campaign.state.run_trial.items():
            runs = self.campaign.state.trial(trial).runs
            log = next(Path(run.log) for run in runs if run.number == number)
            told = read_progress(log)
            if told:
                found[number] = Progress(number, *told)
        return found

    def close(self) -> None:
        """Close the ledger."""
        self.campaign.ledger.close()


def is_running(study: Study, tag: str) -> bool:
    """Whether a session is working on this campaign now."""
    holder = study.running()
    return holder is not None and holder.campaign == tag
