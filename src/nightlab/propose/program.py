"""What all programs that edit files have in common: a folder, a brief, a diff."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nightlab.propose import NothingToPropose, Role, Setting
from nightlab.propose.brief import Order, make_brief
from nightlab.propose.said import Said
from nightlab.propose.settings import ProposeSettings
from nightlab.types import Command, Exit, History, Idea, Trial, one_line

_NOTHING = "it edited nothing"
_LAST_WORDS = 300


@dataclass(frozen=True)
class Desk:
    """Where a program works. Its brief lies beside its folder, as JSON and as a page to read.

    What it prints goes into `output`; `private` holds its home and its /tmp.
    """

    folder: Path
    brief: Path
    page: str
    trial: int

    @property
    def readable(self) -> list[Path]:
        """The brief, in both its forms."""
        return [self.brief, self.brief.with_suffix(".md")]

    @property
    def private(self) -> Path:
        return self.brief.with_name("private")

    @property
    def output(self) -> Path:
        return self.brief.with_name("output.log")

    @property
    def variables(self) -> dict[str, str]:
        """The variables by which it finds its brief."""
        return {"NIGHTLAB_BRIEF": str(self.brief), "NIGHTLAB_TRIAL": str(self.trial)}


@dataclass(frozen=True)
class Heard:
    """What a program said of its edit, and its last words."""

    said: Said
    last: str = ""


class ProgramProposer(ABC):
    """Runs a program in a throwaway repository of the incumbent; its diff is the idea.

    Its exit status decides nothing, and no edit is an idea that is of no use. `emitter` is what its
    ideas are signed with.
    """

    emitter: str

    def __init__(self, settings: ProposeSettings, setting: Setting) -> None:
        self.settings = settings
        self.setting = setting
        self.role = Role(settings.role)
        self.refusals: list[str] = []

    @abstractmethod
    def command(self, desk: Desk) -> Command:
        """What is to be started."""

    @abstractmethod
    def hear(self, desk: Desk, ended: Exit) -> Heard:
        """What it said. Raises NothingToPropose, or NightlabError, where there is no use in it."""

    def sort(self, edits: Mapping[str, str | None]) -> dict[str, str | None]:
        """Those of its edits that are meant."""
        return dict(edits)

    def settle(self, idea: Idea) -> Idea:
        """The idea, when it was thought about. Raises NightlabError where going on is of no use."""
        return idea

    def propose(self, history: History) -> Idea:
        return self._ask(history, history.incumbent.commit, self._order())

    def draft(self, history: History, wish: str) -> Idea:
        return self._ask(history, history.incumbent.commit, self._order(wish=wish))

    def fix(self, history: History, trial: Trial, trace: str) -> Idea:
        return self._ask(history, trial.commit, self._order(trial=trial, trace=trace))

    def play(self, role: Role) -> None:
        self.role = role

    def refused(self, idea: Idea, reason: str) -> None:
        self.refusals.append(f"{idea.summary}: {reason}")

    def _order(self, wish: str = "", trial: Trial | None = None, trace: str = "") -> Order:
        refusals = [] if trial else list(self.refusals)
        return Order(wish, trial, trace, refusals, self.role.text, self.role.facts)

    def _ask(self, history: History, commit: str, order: Order) -> Idea:
        with self.setting.workspace(commit) as workspace:
            told = make_brief(self.setting, history, order, self.settings.brief)
            brief = told.write(workspace.private)
            desk = Desk(workspace.folder, brief, told.page, len(history.trials) + 1)
            limit = self.settings.time
            ended = self.setting.execute(self.command(desk), desk.output, limit)
            heard = self.hear(desk, ended)
            if self.setting.cancelled():
                raise NothingToPropose("interrupted while proposing")
            wrong = ""
            try:
                edits = self.sort(workspace.edits())
            except Exception as error:  # whatever a program may have left there
                edits, wrong = {}, one_line(str(error))
        return self.settle(self._idea(edits, heard, self._how(ended), wrong))

    def _idea(self, edits: dict[str, str | None], heard: Heard, how: str, wrong: str) -> Idea:
        if edits:
            return heard.said.idea(f"edit {', '.join(sorted(edits))}", self.emitter, edits)
        how = f"{how}; {wrong}" if wrong else how
        words = f", last words: {one_line(heard.last, _LAST_WORDS)}" if heard.last else ""
        summary = f"no edit ({how}){words}"
        return Idea(summary, heard.said.hypothesis, self.emitter, unusable=wrong or _NOTHING)

    def _how(self, ended: Exit) -> str:
        if ended.why == "timeout":
            return f"killed after {self.settings.time:g} s"
        return f"killed: {ended.why}" if ended.why else f"exit {ended.code}"
