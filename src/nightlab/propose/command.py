"""The `command` proposer: any program that edits files; its diff is what counts."""

from __future__ import annotations

import re
from pathlib import Path

from nightlab.propose import NothingToPropose, Setting
from nightlab.propose.brief import Order, make_brief
from nightlab.propose.settings import ProposeSettings
from nightlab.types import Command, Exit, History, Idea, Trial

_SAID = re.compile(r"^(summary|hypothesis):\s*(.+?)\s*$", re.MULTILINE)
_READ = 65536


class CommandProposer:
    """Runs a program in a throwaway repository of the incumbent.

    It finds what is known as JSON in the file that NIGHTLAB_BRIEF names, edits files in its
    current folder, and may print `summary: ...` and `hypothesis: ...` lines. Its exit status
    decides nothing: no edit is an idea that changes nothing.
    """

    emitter = "command"

    def __init__(self, settings: ProposeSettings, setting: Setting) -> None:
        assert settings.command is not None
        self.command = settings.command
        self.settings = settings
        self.setting = setting
        self.refusals: list[str] = []

    def propose(self, history: History) -> Idea:
        return self._ask(history, history.incumbent.commit, Order(refusals=self.refusals))

    def draft(self, history: History, wish: str) -> Idea:
        order = Order(wish=wish, refusals=self.refusals)
        return self._ask(history, history.incumbent.commit, order)

    def fix(self, history: History, trial: Trial, trace: str) -> Idea:
        return self._ask(history, trial.commit, Order(trial=trial, trace=trace))

    def refused(self, idea: Idea, reason: str) -> None:
        self.refusals.append(f"{idea.summary}: {reason}")

    def _ask(self, history: History, commit: str, order: Order) -> Idea:
        with self.setting.workspace(commit) as workspace:
            told = make_brief(self.setting, history, order, self.settings.brief)
            brief = told.write(workspace.private)
            printed, how = self._run(workspace.folder, brief, len(history.trials) + 1)
            try:
                edits = dict(workspace.edits())
            except Exception as error:  # whatever a program may have left there
                edits, how = {}, f"{how}; {error}"
        if self.setting.cancelled():
            raise NothingToPropose("interrupted while proposing")
        said = dict(_SAID.findall(printed))
        last = (printed.strip().splitlines() or [""])[-1]
        default = f"edit {', '.join(sorted(edits))}"
        if not edits:
            default = f"no edit ({how})" + (f", last words: {last}" if last else "")
            said.pop("summary", None)
        return Idea(
            summary=said.get("summary", default),
            hypothesis=said.get("hypothesis", ""),
            emitter=self.emitter,
            files=edits,
        )

    def _run(self, folder: Path, brief: Path, trial: int) -> tuple[str, str]:
        """What the program printed, and how it ended."""
        command = Command(
            ["/bin/sh", "-c", self.command],
            folder,
            private=brief.with_name("private"),
            readable=[brief, brief.with_suffix(".md")],
            network=self.settings.network,
            environment=self.settings.environment,
            variables={"NIGHTLAB_BRIEF": str(brief), "NIGHTLAB_TRIAL": str(trial)},
        )
        output = brief.with_name("output.log")
        ended = self.setting.execute(command, output, self.settings.time)
        printed = _end_of(output)
        if ended.code == 127:
            raise NothingToPropose(f"propose.command is not there: {printed.strip()[-160:]}")
        return printed, self._how(ended)

    def _how(self, ended: Exit) -> str:
        if ended.why == "timeout":
            return f"killed after {self.settings.time:g} s"
        return f"killed: {ended.why}" if ended.why else f"exit {ended.code}"


def _end_of(output: Path) -> str:
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - _READ))
        return file.read().decode("utf-8", "replace")
