"""One `nightlab run` at a time: a lock that is held as long as any process of the run lives."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from nightlab.types import NightlabError


@dataclass(frozen=True)
class Holder:
    """Who holds the lock, and since when (UTC seconds since 1970)."""

    pid: int
    host: str
    campaign: str
    since: float


class Busy(NightlabError):
    """Somebody else is at work in the study: `who` they are, in a few words."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(_refusal(holder))
        self.who = f"campaign {holder.campaign}" if holder else "another session"


class Lock:
    """An advisory lock on a file. It goes with its last descriptor, however the process ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = -1

    def acquire(self, campaign: str, patience: float = 3.0) -> None:
        """Take the lock. Raises Busy, which names the holder.

        `patience` seconds are given to a killed run's processes to be gone.
        """
        import fcntl

        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        give_up = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = read_holder(self.path)
                alive = holder is not None and _is_alive(holder)
                if alive or time.monotonic() >= give_up:
                    os.close(fd)
                    raise Busy(holder) from None
                time.sleep(0.05)
        self.fd = fd
        self.rename(campaign)

    def rename(self, campaign: str) -> None:
        """Say in the lock file which campaign is being worked on, and by whom."""
        mine = Holder(os.getpid(), socket.gethostname(), campaign, time.time())
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, json.dumps(asdict(mine)).encode(), 0)

    def release(self) -> None:
        """Give the lock up."""
        if self.fd >= 0:
            os.ftruncate(self.fd, 0)
            os.close(self.fd)
            self.fd = -1


def read_holder(path: Path) -> Holder | None:
    """What the lock file says of its holder; None where it says nothing."""
    with suppress(OSError, ValueError, TypeError):
        return Holder(**json.loads(path.read_text()))
    return None


def running(path: Path) -> Holder | None:
    """The living holder of the lock, None where nobody holds it."""
    import fcntl

    try:
        fd = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return read_holder(path)
    finally:
        os.close(fd)
    return None


def _is_alive(holder: Holder) -> bool:
    if holder.host != socket.gethostname():
        return True
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _refusal(holder: Holder | None) -> str:
    if holder is None:
        return "another `nightlab run` is at work in this study; wait for it or stop it"
    since = time.strftime("%H:%M", time.localtime(holder.since))
    return (
        f"campaign {holder.campaign} is already running since {since} (process {holder.pid} on"
        f" {holder.host}); wait for it, or stop it with `kill -INT {holder.pid}`"
    )
