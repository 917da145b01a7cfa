"""Commands of `nightlab` in processes of their own, forked off one that has imported it all.

Half of what a small command costs is its imports, and tests type hundreds of them. What is said,
the exit status, and that nothing stays behind are those of `python -m nightlab`.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

_PROCESS = Path(__file__).with_name("warm_process.py")


class Warm:
    """A warm process of a python. One command at a time; it ends with whoever started it."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self._asked, its = socket.socketpair()
        self._process = subprocess.Popen(
            [python, str(_PROCESS), str(its.fileno())],
            env={**environment, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            pass_fds=[its.fileno()],
        )
        its.close()
        atexit.register(self.end)

    def run(
        self, folder: Path, words: Sequence[str], environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """As subprocess.run does it."""
        with tempfile.TemporaryDirectory() as scratch:
            out, err = Path(scratch, "out"), Path(scratch, "err")
            command = {
                "folder": str(folder),
                "words": words,
                "environment": dict(environment),
                "out": str(out),
                "err": str(err),
            }
            self._asked.sendall(f"{json.dumps(command)}\n".encode())
            code = self._ended(int(self._line()), words, timeout)
            said = (path.read_bytes() for path in (out, err))
            return subprocess.CompletedProcess(["nightlab", *words], code, *said)

    def _ended(self, child: int, words: Sequence[str], timeout: float) -> int:
        if select.select([self._asked], [], [], timeout)[0]:
            return int(self._line())
        os.kill(child, signal.SIGKILL)
        self._line()
        raise subprocess.TimeoutExpired(["nightlab", *words], timeout)

    def _line(self) -> str:
        line = b""
        while not line.endswith(b"\n"):
            read = self._asked.recv(1)
            assert read, "the warm process has ended"
            line += read
        return line.decode()

    def end(self) -> None:
        self._asked.close()
        self._process.wait(30)


@lru_cache(maxsize=8)
def _warm(python: str, fixed: tuple[tuple[str, str], ...], _thread: int) -> Warm:
    return Warm(python, {**os.environ, **dict(fixed)})


def run_bytes(
    folder: Path,
    *words: str,
    python: str = sys.executable,
    environment: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[bytes]:
    """`python -m nightlab WORDS` in a folder, without anything on standard input."""
    environment = os.environ if environment is None else environment
    fixed = {name: text for name, text in environment.items() if name.startswith("PYTHON")}
    warm = _warm(python, tuple(sorted(fixed.items())), threading.get_ident())
    return warm.run(folder, words, environment, timeout)


def run(
    folder: Path,
    *words: str,
    python: str = sys.executable,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """The same, with what is said as text."""
    done = run_bytes(folder, *words, python=python, environment=environment)
    out, err = done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)
