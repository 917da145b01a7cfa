"""The `agent` proposer: a coding agent's command line, as its preset tells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nightlab.propose import NothingToPropose, Setting
from nightlab.propose.agent.installed import find_program, parts_of
from nightlab.propose.agent.preset import load_preset
from nightlab.propose.agent.start import Start
from nightlab.propose.agent.usage import Told, priced, read_output
from nightlab.propose.printed import end_of
from nightlab.propose.program import Desk, Heard, ProgramProposer
from nightlab.propose.said import NAMES, Said
from nightlab.propose.secrets import masked
from nightlab.propose.settings import ProposeSettings
from nightlab.types import Command, Exit, Idea, NightlabError, one_line

_SAID = re.compile(
    rf"^[ \t>*_#`-]*({'|'.join(NAMES)})[*_`]*:[*_`]*[ \t]*(\S.*?)[ \t*_`]*$",
    re.MULTILINE | re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b40[13]\b|unauthori[sz]ed|authenticat"
    r"|\b(invalid|incorrect|missing|no)\b.{0,20}api.?key"
    r"|api.?key.{0,20}\b(invalid|not valid|missing|not set|required)"
    r"|(not|please|must).{0,12}\blog(ged)?.?in\b|/login\b"
    r"|\btoken\b.{0,20}\b(expired|revoked)"
    r"|credit balance|insufficient.{0,3}(quota|credit|balance|funds)",
    re.IGNORECASE,
)
_IN_A_ROW = 3
_QUOTED = 300
_LAST_LINES = 5


class AgentProposer(ProgramProposer):
    """A coding agent, by name or by a preset of your own; its diff is what counts.

    It works in a throwaway repository of the incumbent, with the brief as its prompt and as files
    beside its folder, a home folder of its own with the credentials that its preset names, and a
    time limit. What it cost is read from its output.
    """

    def __init__(self, settings: ProposeSettings, setting: Setting) -> None:
        assert settings.agent is not None
        super().__init__(settings, setting)
        self.name, self.preset = load_preset(settings.agent, setting.folder)
        self.emitter = settings.name or self.name
        found = find_program(self.preset.program)
        if found is None:
            mend = f"; install it: {self.preset.install}" if self.preset.install else ""
            raise NightlabError(f"propose.agent: {self.preset.program} is not installed{mend}")
        self.start = Start(self.preset, settings, found, parts_of(found), Path.home())
        self.start.check(self.name)
        self.denials = 0
        self._denial = ""

    def command(self, desk: Desk) -> Command:
        why = self.setting.purse.empty()
        if why:
            raise NothingToPropose(why)
        return self.start.command(desk, self.setting.surface)

    def hear(self, desk: Desk, ended: Exit) -> Heard:
        told = read_output(self.preset.output, self.start.output(desk))
        known = self.settings.url is None
        usage = priced(told.counted, ended.seconds, self.settings.price, believed=known)
        self.setting.purse.pay(self.emitter, usage)
        hidden = self.start.secrets()
        told = replace(told, message=masked(told.message, hidden), error=masked(told.error, hidden))
        printed = masked(end_of(desk.output), hidden)
        lines = [line for line in printed.splitlines() if line.strip()]
        last = told.error or told.message or (lines or [""])[-1]
        self._denial = last if _is_denial(told, lines) else ""
        said = _said(told.message or (printed if self.preset.output.form == "text" else ""))
        first = next((line for line in told.message.splitlines() if line.strip()), "")
        return Heard(Said.of({"summary": first.strip(" #*`>-"), **said}), last)

    def sort(self, edits: Mapping[str, str | None]) -> dict[str, str | None]:
        return {path: text for path, text in edits.items() if not self.start.is_own(path)}

    def settle(self, idea: Idea) -> Idea:
        """Raise NightlabError when it was denied access again and again: a night isn't lost on a
        wrong key."""
        self.denials = self.denials + 1 if self._denial and not idea.files else 0
        if self.denials >= _IN_A_ROW:
            said = one_line(self._denial, _QUOTED)
            mend = self.preset.login or "see to its key"
            raise NightlabError(
                f"{self.name} was denied access {_IN_A_ROW} times in a row: {said!r}; {mend}"
            )
        return idea


def _said(text: str) -> dict[str, str]:
    """The lines `summary: …`, `hypothesis: …` and so on, the last of each; they may be adorned."""
    return {word.lower(): said for word, said in _SAID.findall(text)}


def _is_denial(told: Told, lines: Sequence[str]) -> bool:
    """Whether its last words are of a key that isn't there, is wrong, or has nothing left."""
    words = [told.error, told.message, *lines[-_LAST_LINES:]]
    return any(_DENIED.search(each[:_QUOTED]) for each in words)
