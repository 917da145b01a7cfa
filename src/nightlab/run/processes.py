"""The near side of the warden: start processes through it, hear how they ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from nightlab.types import NightlabError

_SCRIPT = Path(__file__).with_name("warden.py")
NO_LIMITS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Ended:
    """How a process ended. `why` is why the warden ended it, "" where it did not.

    That is `timeout`, `killed`, or the limit it was beyond: `memory`, `processes`, `output`.

    `code` is the exit status, negative for a signal; `peak_memory` in bytes, of the whole tree.
    """

    pid: int
    code: int
    why: str
    seconds: float
    peak_memory: int


class Processes:
    """Processes that die with this one. A context manager."""

    def __init__(self, keep_open: Sequence[int] = ()) -> None:
        """`keep_open` are descriptors that the warden holds as long as it lives: a lock's, say."""
        self.keep_open = tuple(keep_open)
        self._events: list[Ended] = []
        self._alive: set[int] = set()
        self._buffer = b""

    def __enter__(self) -> Processes:
        self.socket, theirs = socket.socketpair()
        self._warden = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SCRIPT), str(theirs.fileno())],
            pass_fds=(theirs.fileno(), *self.keep_open),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        try:
            self._warden.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._warden.send_signal(signal.SIGKILL)
            self._warden.wait()
        if self._warden.returncode:
            self._lost()

    def start(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        mark: str,
        stdin: int,
        stdout: int,
        stderr: int | None = None,
        extra: Sequence[int] = (),
        variables: Sequence[str] = (),
        timeout: float | None = None,
        grace: float = 5.0,
        limits: Mapping[str, int] = NO_LIMITS,
        layers: int = 0,
    ) -> int:
        """Start a process and return its pid. Descriptors stay the caller's to close.

        `limits` are `memory`, `data`, `file`, `output` in bytes, and `processes`; `layers` of the
        processes are a sandbox's own, and not asked to end.

        `extra` descriptors are passed on; their numbers over there are put, comma-separated and in
        equal shares, in the environment `variables`. Raises OSError where the program can't be
        started.
        """
        request = {
            "argv": list(argv),
            "folder": str(folder),
            "environment": dict(environment),
            "mark": mark,
            "variables": list(variables),
            "timeout": timeout,
            "grace": grace,
            "limits": dict(limits),
            "layers": layers,
        }
        fds = [stdin, stdout, stdout if stderr is None else stderr, *extra]
        data = json.dumps(request).encode() + b"\n"
        try:
            sent = socket.send_fds(self.socket, [data], fds)
            self.socket.sendall(data[sent:])
            while True:
                answer = self._next_line()
                if "started" in answer:
                    self._alive.add(int(str(answer["started"])))
                    return int(str(answer["started"]))
                if "failed" in answer:
                    raise FileNotFoundError(str(answer["failed"]))
                self._note(answer)
        except ConnectionError as error:
            raise self._lost() from error

    def kill(self, pid: int, grace: float = 5.0) -> None:
        """TERM, then KILL after `grace` seconds, the whole tree. Its end is still told."""
        request = json.dumps({"kill": pid, "grace": grace}).encode() + b"\n"
        try:
            self.socket.sendall(request)
        except OSError as error:
            raise self._lost() from error

    def fileno(self) -> int:
        """Readable when something has ended."""
        return self.socket.fileno()

    def ended(self) -> list[Ended]:
        """What has ended since the last call, without waiting."""
        while True:
            line = self._line()
            if line is None:
                try:
                    data = self.socket.recv(1 << 16, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                except ConnectionError as error:
                    raise self._lost() from error
                if not data:
                    raise self._lost()
                self._buffer += data
            else:
                self._note(line)
        events, self._events = self._events, []
        return events

    @property
    def pending(self) -> bool:
        """Whether `ended` has something to tell already."""
        return bool(self._events) or b"\n" in self._buffer

    def _lost(self) -> NightlabError:
        """The warden died. Its children died with it; kill what is left of their groups."""
        for pid in self._alive:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        self._alive.clear()
        return NightlabError("the process warden died; give the same command again")

    def _note(self, message: dict[str, object]) -> None:
        if "ended" in message:
            self._alive.discard(int(str(message["ended"])))
            self._events.append(
                Ended(
                    pid=int(str(message["ended"])),
                    code=int(str(message["code"])),
                    why=str(message["why"]),
                    seconds=float(str(message["seconds"])),
                    peak_memory=int(str(message["peak"])),
                )
            )

    def _line(self) -> dict[str, object] | None:
        if b"\n" not in self._buffer:
            return None
        line, self._buffer = self._buffer.split(b"\n", 1)
        message: dict[str, object] = json.loads(line)
        return message

    def _next_line(self) -> dict[str, object]:
        while (line := self._line()) is None:
            data = self.socket.recv(1 << 16)
            if not data:
                raise ConnectionError("closed")
            self._buffer += data
        return line


def devnull() -> int:
    """A descriptor that reads as empty."""
    return os.open(os.devnull, os.O_RDWR)
