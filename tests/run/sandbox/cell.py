"""A cell: a folder laid out as runs have it, and python programs, given as text, confined there."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from nightlab.run.sandbox import NoSandbox, Sandbox
from nightlab.run.sandbox.bubblewrap import Bubblewrap
from nightlab.run.sandbox.choose import try_sandbox
from nightlab.run.sandbox.landlock import Landlock
from nightlab.run.sandbox.surroundings import Private, Surroundings

KINDS: dict[str, Sandbox] = {
    "bubblewrap": Bubblewrap(),
    "landlock": Landlock(),
    "landlock alone": Landlock(namespaces=False),
}


@dataclass
class Cell:
    """`own` may be written, `secret` is hidden in it, `around` is the study beside it."""

    top: Path
    sandbox: Sandbox
    network: bool = False

    def __post_init__(self) -> None:
        self.study, self.own = self.top / "study", self.top / "work" / "run-1" / "train"
        self.secret, self.given = self.study / "secret", self.study / "data"
        for folder in (self.study, self.own, self.given):
            folder.mkdir(parents=True, exist_ok=True)
        self.secret.write_text("secret")
        (self.given / "text").write_text("given")
        self.private = Private(self.top / "work" / "run-1" / "train.private").make()
        self.around = Surroundings(
            self.study, hidden=[self.study, self.top / "work"], network=self.network
        )

    def argv(self, *words: str) -> list[str]:
        """A command, confined."""
        view = self.around.view(self.private, writable=[self.own], readable=[self.given])
        return self.sandbox.wrap(words, view)

    def run(self, program: str, *words: str, **more: object) -> subprocess.CompletedProcess[str]:
        """`python -c program words`, in the own folder."""
        argv = self.argv(sys.executable, "-I", "-S", "-c", program, *words)
        environment = {"PATH": os.environ["PATH"], **self.private.environment()}
        return subprocess.run(
            argv,
            cwd=self.own,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            **more,  # type: ignore[call-overload]
        )

    def says(self, program: str, *words: str) -> str:
        """What a program prints, or the last line of why it failed."""
        done = self.run(program, *words)
        return (
            (done.stdout or done.stderr).strip().splitlines()[-1]
            if done.stdout or done.stderr
            else ""
        )


def cell_of(kind: str, top: Path, network: bool = False) -> Cell:
    """A cell of a kind of sandbox; skips the test where that kind does not work."""
    sandbox = KINDS[kind]
    could, why = try_sandbox(sandbox, Surroundings(top / "study"), top / "probes")
    if not could:
        pytest.skip(f"{kind} {why}")
    return Cell(top, sandbox, network)


def open_cell(top: Path) -> Cell:
    """A cell without walls, to see that an attempt works where nothing forbids it."""
    return Cell(top, NoSandbox())
