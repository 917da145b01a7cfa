"""From the settings to a proposer: a short name, a dotted path, or a list of them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from nightlab.program.problem import did_you_mean
from nightlab.propose import NothingToPropose, Proposer, Setting
from nightlab.propose.settings import ProposeSettings
from nightlab.types import History, Idea, NightlabError, Trial

PROPOSERS = {
    "search": "nightlab.propose.search:SearchProposer",
    "random": "nightlab.propose.random:RandomProposer",
    "command": "nightlab.propose.command:CommandProposer",
    "model": "nightlab.propose.model:ModelProposer",
    "agent": "nightlab.propose.agent:AgentProposer",
}


class SharingProposer:
    """Several proposers that take turns, trial by trial; a refusal passes the turn on."""

    def __init__(self, parts: Sequence[Proposer]) -> None:
        self.parts = tuple(parts)
        self.passed = 0
        self.last = self.parts[0]

    def propose(self, history: History) -> Idea:
        self.last = self.parts[(len(history.trials) + self.passed) % len(self.parts)]
        return self.last.propose(history)

    def refused(self, idea: Idea, reason: str) -> None:
        self.passed += 1
        self.last.refused(idea, reason)

    def draft(self, history: History, wish: str) -> Idea:
        """The first of them that writes code does it. Raises NothingToPropose."""
        self.last = writer = self._writer()
        idea: Idea = writer.draft(history, wish)
        return idea

    def fix(self, history: History, trial: Trial, trace: str) -> Idea:
        """Whoever wrote it mends it. Raises NothingToPropose."""
        fixed: Idea = self._writer(trial.emitter).fix(history, trial, trace)
        return fixed

    def _writer(self, emitter: str = "") -> Any:
        writers = [part for part in self.parts if hasattr(part, "draft")]
        for part in writers:
            if emitter in ("", getattr(part, "emitter", "")):
                return part
        raise NothingToPropose("nobody here writes code")


def build_proposer(settings: Sequence[ProposeSettings], setting: Setting) -> Proposer:
    """The proposer that the settings name. Raises NightlabError listing what there is."""
    parts = [find_proposer(each)(each, setting) for each in settings]
    return parts[0] if len(parts) == 1 else SharingProposer(parts)


def find_proposer(settings: ProposeSettings):  # type: ignore[no-untyped-def]
    """The class that the settings name. Raises NightlabError listing what there is."""
    path = PROPOSERS.get(settings.with_, settings.with_)
    module, colon, name = path.partition(":")
    if not colon:
        known = did_you_mean(settings.with_, PROPOSERS)
        mend = f'{known} or give a class of your own as "package.module:Class"'
        raise NightlabError(f"propose.with: no proposer {settings.with_!r}{mend}")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise NightlabError(f"propose.with: cannot load {path}: {error}") from error
