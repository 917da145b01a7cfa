"""The `command` proposer: any program that edits files; its diff is what counts."""

from __future__ import annotations

import os
import re

from nightlab.propose import NothingToPropose, Setting
from nightlab.propose.printed import end_of
from nightlab.propose.program import Desk, Heard, ProgramProposer
from nightlab.propose.said import NAMES, Said
from nightlab.propose.secrets import masked
from nightlab.propose.settings import ProposeSettings
from nightlab.types import Command, Exit

_SAID = re.compile(rf"^({'|'.join(NAMES)}):\s*(.+?)\s*$", re.MULTILINE)


class CommandProposer(ProgramProposer):
    """Runs a program in a throwaway repository of the incumbent.

    It finds what is known as JSON in the file that NIGHTLAB_BRIEF names, edits files in its
    current folder, and may print `summary: ...`, `hypothesis: ...`, `predicted: ...` and
    `conjecture: ...` lines. Its exit status decides nothing: no edit is an idea that changes
    nothing.
    """

    def __init__(self, settings: ProposeSettings, setting: Setting) -> None:
        assert settings.command is not None
        super().__init__(settings, setting)
        self.emitter = settings.name or "command"
        self.line = settings.command

    def command(self, desk: Desk) -> Command:
        return Command(
            ["/bin/sh", "-c", self.line],
            desk.folder,
            private=desk.private,
            readable=desk.readable,
            network=self.settings.network,
            environment=self.settings.environment,
            variables=desk.variables,
        )

    def hear(self, desk: Desk, ended: Exit) -> Heard:
        given = (os.environ.get(name, "") for name in self.settings.environment)
        printed = masked(end_of(desk.output), given)
        if ended.code == 127:
            raise NothingToPropose(f"propose.command is not there: {printed.strip()[-160:]}")
        said = dict(_SAID.findall(printed))
        last = (printed.strip().splitlines() or [""])[-1]
        return Heard(Said.of(said), last)
