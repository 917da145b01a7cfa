"""The process that owns every experiment process, so that none outlives Nightlab.

Run as a script, with the number of a connected socket. It starts processes on request, each in a
session of its own, watches their time and memory, and reports each end. It is the nearest living
ancestor of everything they start, so a daemon can't slip away; when the socket closes, because
Nightlab was killed, it kills all of them and leaves. It imports nothing from nightlab.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SAMPLE_EVERY = 0.2
MARK = "NIGHTLAB_RUN"
SHARED = "/dev/shm"


def _prctl() -> Any:
    """The C library's prctl where there is one (Linux), else None."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return None


class Child:
    """One process on request, and everything it started."""

    def __init__(
        self, process: subprocess.Popen[bytes], request: dict[str, Any], output: int
    ) -> None:
        now = time.monotonic()
        self.process = process
        self.started = now
        self.deadline = now + request["timeout"] if request.get("timeout") else None
        self.grace = float(request.get("grace", 5.0))
        self.mark = request.get("mark", "")
        self.limits = request.get("limits") or {}
        self.layers = request.get("layers", 0)
        self.output = os.dup(output)
        self.kill_at: float | None = None
        self.why = ""
        self.peak = 0
        self.memory = 0
        self.family = {process.pid}

    def terminate(self, why: str) -> None:
        if self.kill_at is None:
            self.why = why
            self.kill_at = time.monotonic() + self.grace
            inside = set(descendants(self.process.pid, self.layers)) if self.layers else set()
            if inside:
                self._signal(signal.SIGTERM, inside)
            else:
                self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def end(self, why: str) -> None:
        """Kill it for a reason, at once."""
        self.why = self.why or why
        self.kill_at = time.monotonic()
        self.kill()

    def _signal(self, number: int, only: set[int] | None = None) -> None:
        if only is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)
            only = self.family & set(descendants(os.getpid())) - {self.process.pid}
        for pid in only:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def sample(self, living: set[int]) -> None:
        """Note who of the `living` belongs to this child, and how much memory they hold together.

        The dead are forgotten: their numbers may soon belong to somebody else's process.
        """
        tree = set(descendants(self.process.pid))
        self.family = {self.process.pid} | tree | self.family & living
        self.memory = sum(resident(pid) for pid in self.family)
        self.memory += nameless_files(self.family)
        if self.layers:
            self.memory += max((shared_files(pid) for pid in tree), default=0)
        self.peak = max(self.peak, self.memory)

    def excess(self) -> str:
        """Which limit it is beyond, "" for none."""
        with contextlib.suppress(OSError):
            if os.fstat(self.output).st_size > self.limits.get("output", math.inf):
                return "output"
        if len(self.family) - self.layers > self.limits.get("processes", math.inf):
            return "processes"
        return "memory" if self.memory > self.limits.get("memory", math.inf) else ""

    def close(self) -> None:
        os.close(self.output)


def descendants(pid: int, below: int = 1) -> list[int]:
    """Every living process at least so many steps below `pid`; none where the system tells none."""
    found: list[int] = []
    queue = [pid]
    for _ in range(below - 1):
        queue = [child for parent in queue for child in children_of(parent)]
    while queue:
        parent = queue.pop()
        children = children_of(parent)
        found += children
        queue += children
    return found


def children_of(pid: int) -> list[int]:
    """The living processes that `pid` has started, or taken over."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(word) for word in file.read().split()]
    return found


def resident(pid: int) -> int:
    """Bytes of memory in use by one process; 0 where that can't be read."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def limit_own(limits: dict[str, Any]) -> None:
    """The limits that the system keeps for each process by itself; no core files.

    Memory is sampled too, for the whole tree; `data` is a backstop for what grows faster.
    """
    asked = [(resource.RLIMIT_CORE, 0)]
    asked += [(resource.RLIMIT_FSIZE, limits["file"])] if "file" in limits else []
    asked += [(resource.RLIMIT_DATA, limits["data"])] if "data" in limits else []
    for kind, amount in asked:
        most = resource.getrlimit(kind)[1]
        amount = amount if most == resource.RLIM_INFINITY else min(amount, most)
        resource.setrlimit(kind, (amount, amount))


def nameless_files(pids: set[int]) -> int:
    """Bytes of memory in files without a name (memfd) that these processes hold open."""
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for number in os.listdir(f"/proc/{pid}/fd"):
                path = f"/proc/{pid}/fd/{number}"
                with contextlib.suppress(OSError):
                    if os.readlink(path).startswith("/memfd:"):
                        status = os.stat(path)
                        found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def shared_files(pid: int) -> int:
    """Bytes of memory in files of a shared memory of its own; 0 where it has none."""
    try:
        found, ours = os.stat(f"/proc/{pid}/root{SHARED}"), os.stat(SHARED)
        if found.st_dev == ours.st_dev:
            return 0
        told = os.statvfs(f"/proc/{pid}/root{SHARED}")
    except OSError:
        return 0
    return (told.f_blocks - told.f_bfree) * told.f_frsize


def marked(pid: int) -> str:
    """The run a process belongs to by its environment, "" where that can't be read."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
        for item in file.read().split(b"\0"):
            if item.startswith(MARK.encode() + b"="):
                return item.split(b"=", 1)[1].decode("utf-8", "replace")
    return ""


class Warden:
    """Serves requests from one socket until it closes."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.children: dict[int, Child] = {}
        self.buffer = b""
        self.fds: list[int] = []
        self.prctl = _prctl()
        if self.prctl:
            self.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.wake, wake_write = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def serve(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            self._end()

    def _turn(self) -> bool:
        wait = SAMPLE_EVERY if self.children else None
        ready, _, _ = select.select([self.connection.fileno(), self.wake], [], [], wait)
        if self.wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self.wake, 4096)
        if self.connection.fileno() in ready and not self._read():
            return False
        self._reap()
        self._watch()
        return True

    def _read(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self.connection, 1 << 16, 16)
        except ConnectionResetError:
            return False
        if not data:
            return False
        self.fds += fds
        self.buffer += data
        while b"\n" in self.buffer:
            line, self.buffer = self.buffer.split(b"\n", 1)
            self._obey(json.loads(line))
        return True

    def _obey(self, request: dict[str, Any]) -> None:
        if "kill" in request:
            child = self.children.get(request["kill"])
            if child:
                child.grace = float(request.get("grace", child.grace))
                child.terminate("killed")
            return
        fds, self.fds = self.fds, []
        try:
            self._tell(self._start(request, fds))
        finally:
            for fd in fds:
                os.close(fd)

    def _start(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        environment = request["environment"]
        extra = fds[3:]
        variables = request.get("variables") or []
        each = len(extra) // max(1, len(variables))
        for number, name in enumerate(variables):
            share = extra[number * each : (number + 1) * each]
            environment[name] = ",".join(str(fd) for fd in share)
        environment[MARK] = request.get("mark", "")
        parent = os.getpid()
        limits = request.get("limits") or {}

        def before_exec() -> None:
            limit_own(limits)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            if self.prctl:
                self.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() != parent:
                    os._exit(1)

        try:
            process = subprocess.Popen(
                request["argv"],
                stdin=fds[0],
                stdout=fds[1],
                stderr=fds[2],
                pass_fds=extra,
                cwd=request["folder"],
                env=environment,
                start_new_session=True,
                preexec_fn=before_exec,
            )
        except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
            what = getattr(error, "filename", None) or " ".join(request["argv"][:1])
            return {"failed": f"{what}: {getattr(error, 'strerror', None) or error}"}
        self.children[process.pid] = Child(process, request, fds[2])
        return {"started": process.pid}

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self.children.pop(pid, None)
            if child is None:
                continue
            child.process.returncode = os.waitstatus_to_exitcode(status)
            self._clean_up_after(child)
            child.close()
            unit = 1 if sys.platform == "darwin" else 1024
            self._tell(
                {
                    "ended": pid,
                    "code": child.process.returncode,
                    "why": child.why,
                    "seconds": time.monotonic() - child.started,
                    "peak": max(child.peak, usage.ru_maxrss * unit),
                }
            )

    def _clean_up_after(self, child: Child) -> None:
        """Kill what the child left behind: its group, its family, and orphans that bear its mark.

        A run of several processes shares one mark, so orphans wait for the last of them.
        """
        child.kill()
        if any(other.mark == child.mark for other in self.children.values()):
            return
        killed: set[int] = set()
        while left := self._orphans_of(child) - killed:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            killed |= left

    def _orphans_of(self, child: Child) -> set[int]:
        """Processes below the warden that belong to no living child, and may come from this one."""
        found = set(descendants(os.getpid()))
        for other in self.children.values():
            found -= {*other.family, other.process.pid, *descendants(other.process.pid)}
        return {pid for pid in found if marked(pid) in (child.mark, "") or not self.children}

    def _watch(self) -> None:
        now = time.monotonic()
        living = set(descendants(os.getpid())) if self.children else set()
        for child in self.children.values():
            child.sample(living)
            beyond = child.excess() if child.kill_at is None else ""
            if beyond:
                child.end(beyond)
            if child.deadline is not None and now >= child.deadline:
                child.terminate("timeout")
            if child.kill_at is not None and now >= child.kill_at:
                child.kill()

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self.connection.sendall(json.dumps(message).encode() + b"\n")

    def _end(self) -> None:
        for child in self.children.values():
            child.kill()
        give_up = time.monotonic() + 5
        while time.monotonic() < give_up:
            left = descendants(os.getpid())
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(0.005)


if __name__ == "__main__":
    Warden(socket.socket(fileno=int(sys.argv[1]))).serve()
