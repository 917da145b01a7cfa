"""Where ideas come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nightlab.program.policy import Policy
from nightlab.program.space import Space
from nightlab.types import Command, EmitterRecord, Exit, History, Idea, Memory, Trial, Usage, Wish


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


@dataclass(frozen=True)
class Role:
    """How a writer is to go about it, in a few sentences, and what it needs to know for that."""

    text: str = ""
    facts: tuple[str, ...] = ()


class Writer(Proposer, Protocol):
    """A proposer that writes code, and so can be given an order: a model, an agent, a program."""

    def play(self, role: Role) -> None:
        """Take a role on, from the next idea."""
        ...

    @property
    def emitter(self) -> str:
        """What its ideas are signed with."""
        ...

    def draft(self, history: History, wish: str) -> Idea:
        """The edit that a hypothesis of the human's means. Raises NothingToPropose."""
        ...

    def fix(self, history: History, trial: Trial, trace: str) -> Idea:
        """`trial` once more, without the slip that crashed it. Raises NothingToPropose.

        `trace` is the end of the run's log: text of an untrusted program. The files of the idea are
        relative to the trial's own commit.
        """
        ...


Execute = Callable[[Command, Path, float], Exit]
"""Runs a program to its end, confined; what it prints goes into the file. The limit is in seconds.

Raises NightlabError where it can't be started.
"""


class Purse(Protocol):
    """What a campaign may still spend on models."""

    def empty(self) -> str:
        """Why no further call may be made, "" where one may be. Ask before each call."""
        ...

    def pay(self, emitter: str, usage: Usage) -> None:
        """Write down what a call has cost, at once, whatever came of it."""
        ...


class FullPurse:
    """One without a bottom; it remembers what was paid."""

    def __init__(self) -> None:
        self.paid: list[tuple[str, Usage]] = []

    def empty(self) -> str:
        return ""

    def pay(self, emitter: str, usage: Usage) -> None:
        self.paid.append((emitter, usage))


class Queue(Protocol):
    """Ideas of humans that wait to be tried."""

    def pending(self) -> Sequence[Wish]:
        """What is still to be tried, the oldest first; any process may add to it."""
        ...

    def drop(self, number: int, why: str) -> None:
        """This one can't be tried."""
        ...


Merge = Callable[[Mapping[str, "tuple[str | None, str | None]"], str], Mapping[str, "str | None"]]
"""New texts of files from old and new ones, three-way on top of a commit's.

Raises NightlabError where both sides changed the same place.
"""


def no_merge(
    edits: Mapping[str, tuple[str | None, str | None]], commit: str
) -> Mapping[str, str | None]:
    """Where there are no files."""
    return {path: new for path, (_, new) in edits.items()}


def no_programs(command: Command, output: Path, limit: float) -> Exit:
    """Where nothing can be started."""
    raise NothingToPropose("no program can be started here")


@dataclass(frozen=True)
class Setting:
    """What a proposer may know of its study. Built by the study, handed to each proposer.

    `surface` are the paths and patterns that may be edited, `workspace(commit)` a checkout for a
    program to edit, `files(commit)` the study's files at a commit less the holdout, by path.
    `execute` runs a program confined, `merge` applies edits to a commit. `budget` is that of a run,
    in words; `waiting` are the ideas in line, `progress(log)` what progress lines of a run's log
    say: the fraction of its budget, and values.
    `rules` are sentences on what bounds an edit besides `scope` and `pinned`.
    `folder` is the study's own, where its presets lie. `memory(history)` is what the study has
    learned, earlier campaigns among it; `kinds` says what each parameter is about, as `attention`;
    `before()` how each emitter fared in earlier campaigns.
    """

    space: Space
    policy: Policy
    prose: str
    surface: tuple[str, ...]
    workspace: Callable[[str], AbstractContextManager[Workspace]]
    cancelled: Callable[[], bool] = lambda: False
    execute: Execute = no_programs
    purse: Purse = field(default_factory=FullPurse)
    files: Callable[[str], Mapping[str, bytes]] = lambda commit: {}
    merge: Merge = no_merge
    scope: str = "all"
    pinned: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    one_mechanism: bool = False
    budget: str = ""
    waiting: Callable[[], Sequence[Wish]] = lambda: ()
    progress: Callable[[Path], Sequence[tuple[float, Mapping[str, float]]]] = lambda log: ()
    folder: Path = Path()
    memory: Callable[[History], Memory] = lambda history: Memory()
    kinds: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], Mapping[str, EmitterRecord]] = dict


__all__ = [
    "Execute",
    "FullPurse",
    "Merge",
    "NothingToPropose",
    "Proposer",
    "Purse",
    "Queue",
    "Role",
    "Setting",
    "Workspace",
    "Writer",
]
