"""The `command` proposer: any program that edits files; its diff is what counts."""

from __future__ import annotations

import ctypes
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from nightlab.propose import NothingToPropose, Setting
from nightlab.propose.brief import write_brief
from nightlab.propose.settings import ProposeSettings
from nightlab.types import Command, History, Idea

_SAID = re.compile(r"^(summary|hypothesis):\s*(.+?)\s*$", re.MULTILINE)


class CommandProposer:
    """Runs a program in a throwaway repository of the incumbent.

    It finds what is known as JSON in the file that NIGHTLAB_BRIEF names, edits files in its
    current folder, and may print `summary: ...` and `hypothesis: ...` lines. Its exit status
    decides nothing: no edit is an idea that changes nothing.
    """

    def __init__(self, settings: ProposeSettings, setting: Setting) -> None:
        assert settings.command is not None
        self.command = settings.command
        self.settings = settings
        self.limit = settings.time
        self.setting = setting
        self.refusals: list[str] = []

    def propose(self, history: History) -> Idea:
        with self.setting.workspace(history.incumbent.commit) as workspace:
            brief = write_brief(workspace.private, self.setting, history, self.refusals)
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
            emitter="command",
            files=edits,
        )

    def refused(self, idea: Idea, reason: str) -> None:
        self.refusals.append(f"{idea.summary}: {reason}")

    def _run(self, folder: Path, brief: Path, trial: int) -> tuple[str, str]:
        """What the program printed, and how it ended."""
        argv, environment = self.setting.confine(
            Command(
                ["/bin/sh", "-c", self.command],
                folder,
                private=brief.with_name("private"),
                readable=[brief],
                network=self.settings.network,
                environment=self.settings.environment,
            )
        )
        told = {"NIGHTLAB_BRIEF": str(brief), "NIGHTLAB_TRIAL": str(trial)}
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                argv,
                cwd=folder,
                env={**environment, **told},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
            try:
                in_time = self._wait(process)
            finally:
                _end(process)
            output.seek(max(0, output.seek(0, os.SEEK_END) - 65536))
            printed = output.read().decode("utf-8", "replace")
        if process.returncode == 127:
            raise NothingToPropose(f"propose.command is not there: {printed.strip()[-160:]}")
        how = f"exit {process.returncode}" if in_time else f"killed after {self.limit:g} s"
        return printed, how

    def _wait(self, process: subprocess.Popen[bytes]) -> bool:
        give_up = time.monotonic() + self.limit
        while time.monotonic() < give_up and not self.setting.cancelled():
            if _ended(process, 0.2):
                return True
        return False


def _die_with_parent() -> None:
    """So that killing Nightlab ends the program; a sandbox sees to what it has started."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


def _ended(process: subprocess.Popen[bytes], patience: float) -> bool:
    """Whether the program has ended, after this many seconds at most; told at once on Linux."""
    if hasattr(os, "pidfd_open") and process.poll() is None:
        fd = os.pidfd_open(process.pid)
        try:
            select.select([fd], [], [], patience)
        finally:
            os.close(fd)
        return process.poll() is not None
    try:
        process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of the program and its children, and see them gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _reaches(process.pid, number):
            break
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2)
    process.wait()
    give_up = time.monotonic() + 1  # a zombie that nobody reaps does no harm
    while _reaches(process.pid, 0) and time.monotonic() < give_up:
        time.sleep(0.002)


def _reaches(group: int, number: int) -> bool:
    """Send a signal to a group of processes; whether there was anybody to get it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
