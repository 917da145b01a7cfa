"""Where ideas come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nightlab.program.policy import Policy
from nightlab.program.space import Space
from nightlab.types import Command, History, Idea


class NothingToPropose(Exception):
    """The proposer has no idea left, or can't have one. The message says why, on one line."""


class Proposer(Protocol):
    """Has one idea at a time. The same history and refusals give the same idea."""

    def propose(self, history: History) -> Idea:
        """The next idea. Raises NothingToPropose."""
        ...

    def refused(self, idea: Idea, reason: str) -> None:
        """The last idea was refused before it ran: it changes nothing, or was tried before."""
        ...


class Workspace(Protocol):
    """A throwaway checkout of the incumbent, for a program to edit. `private` lies beside it."""

    folder: Path
    private: Path

    def edits(self) -> Mapping[str, str | None]:
        """Whole new texts of the files that were edited; None for a deleted one.

        Raises an exception that says why where what lies there is no edit.
        """
        ...


Confine = Callable[[Command], tuple[list[str], dict[str, str]]]
"""Makes a command into one that sees what it may: its argument list, and its environment."""


def unconfined(command: Command) -> tuple[list[str], dict[str, str]]:
    """A command as it is, with all of the environment: where there is no sandbox."""
    return list(command.argv), dict(os.environ)


@dataclass(frozen=True)
class Setting:
    """What a proposer may know of its study. Built by the study, handed to each proposer."""

    space: Space
    policy: Policy
    prose: str
    surface: tuple[str, ...]
    workspace: Callable[[str], AbstractContextManager[Workspace]]
    cancelled: Callable[[], bool] = lambda: False
    confine: Confine = unconfined


__all__ = ["Confine", "NothingToPropose", "Proposer", "Setting", "Workspace"]
