"""What the tests of `run` share: waits with a deadline, programs as text, families of processes."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from nightlab.run.experiment import Experiment
from nightlab.run.local import LocalRunner
from nightlab.run.processes import Ended, Processes, devnull
from nightlab.types import Job, Measurement

T = TypeVar("T")

PYTHON = [sys.executable, "-I", "-S", "-c"]
RELATIVES = ("child", "session", "daemon", "scrubbed")

FAMILY = """
import os, signal, sys, time

NOTE = '''
import os, signal, sys, time
def stay(name):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(name + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(name + ".new", name + ".pid")
    time.sleep(600)
    os._exit(0)
'''
exec(NOTE)

if os.fork() == 0:
    stay("child")
if os.fork() == 0:
    os.setsid()
    stay("session")
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        stay("daemon")
    os._exit(0)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        code = NOTE + "stay('scrubbed')"
        os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", code], {})
    os._exit(0)
while not all(os.path.exists(n + ".pid") for n in ("child", "session", "daemon", "scrubbed")):
    time.sleep(0.005)
"""
"""A program that starts relatives of every kind, each stubborn, and goes on when all are there."""


def wait_until(condition: Callable[[], T], seconds: float = 15.0) -> T:
    """What `condition` says, as soon as it says something true."""
    give_up = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < give_up, f"not within {seconds} s"
        time.sleep(0.01)
    return value


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def pids_in(folder: Path, names: Sequence[str] = RELATIVES) -> dict[str, int]:
    """The pids that a family wrote, when all have."""
    wait_until(lambda: all((folder / f"{name}.pid").exists() for name in names))
    return {name: int((folder / f"{name}.pid").read_text()) for name in names}


@contextmanager
def mourning(folder: Path) -> Iterator[None]:
    """Kill what a failed test would leave behind: everything that wrote its pid in `folder`."""
    try:
        yield
    finally:
        for note in folder.rglob("*.pid"):
            with suppress(OSError, ValueError):
                os.kill(int(note.read_text()), signal.SIGKILL)


class Bench:
    """Starts Python programs, given as text, through Processes, in a folder."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self.processes = processes
        self.folder = folder
        self.said = folder / "said.txt"
        self.ends: dict[int, Ended] = {}

    def start(self, program: str, *words: str, **given: Any) -> int:
        """The pid of `python -c program words`; what it prints is added to `said`."""
        empty = devnull()
        written = os.open(self.said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        given.setdefault("folder", self.folder)
        given.setdefault("environment", {"PATH": os.environ["PATH"]})
        given.setdefault("mark", "bench")
        given.setdefault("stdin", empty)
        given.setdefault("stdout", written)
        try:
            return self.processes.start([*PYTHON, program, *words], **given)
        finally:
            os.close(empty)
            os.close(written)

    def end(self, pid: int, seconds: float = 15.0) -> Ended:
        """How a process ended, when it has."""
        give_up = time.monotonic() + seconds
        while pid not in self.ends:
            assert time.monotonic() < give_up, f"process {pid} didn't end within {seconds} s"
            select.select([self.processes], [], [], 0.1)
            self.ends |= {ended.pid: ended for ended in self.processes.ended()}
        return self.ends[pid]

    def run(self, program: str, *words: str, **given: Any) -> tuple[Ended, str]:
        """Start, wait for the end, and return it with what was printed."""
        self.said.unlink(missing_ok=True)
        ended = self.end(self.start(program, *words, **given))
        return ended, self.said.read_text(errors="replace")


def gather(runner: LocalRunner, count: int, seconds: float = 30.0) -> list[Measurement]:
    """The next `count` measurements."""
    done: list[Measurement] = []
    give_up = time.monotonic() + seconds
    while len(done) < count:
        assert time.monotonic() < give_up, f"{len(done)} of {count} ended within {seconds} s"
        done += runner.finished()
    return done


def measure(experiment: Experiment, job: Job, scratch: Path, **given: Any) -> Measurement:
    """One job through a runner of its own."""
    with LocalRunner(experiment, scratch, **given) as runner:
        runner.start(job)
        return gather(runner, 1)[0]
