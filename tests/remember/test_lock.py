"""One run at a time, and the lock goes with its holder however it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nightlab.remember.lock import Lock, read_holder, running
from nightlab.types import NightlabError

HOLD = """
import sys, time
from pathlib import Path
from nightlab.remember.lock import Lock
lock = Lock(Path(sys.argv[1])); lock.acquire("mar8")
print("held", flush=True); time.sleep(60)
"""


def hold(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_the_second_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    process = hold(tmp_path / "lock")
    try:
        began = time.monotonic()
        with pytest.raises(NightlabError, match=rf"mar8 is already running.*{process.pid}"):
            Lock(tmp_path / "lock").acquire("apr1", patience=30)
        assert time.monotonic() - began < 10, "a living holder is not waited for"
        holder = running(tmp_path / "lock")
        assert holder is not None and (holder.pid, holder.campaign) == (process.pid, "mar8")
    finally:
        process.kill()
        process.wait()


def test_a_killed_holder_leaves_it_free(tmp_path: Path) -> None:
    process = hold(tmp_path / "lock")
    process.kill()
    process.wait()
    assert running(tmp_path / "lock") is None
    lock = Lock(tmp_path / "lock")
    lock.acquire("apr1")
    lock.rename("apr2")
    holder = read_holder(tmp_path / "lock")
    assert holder is not None and (holder.pid, holder.campaign) == (os.getpid(), "apr2")
    lock.release()
    lock.release()
    assert running(tmp_path / "lock") is None


def test_nobody_holds_a_lock_that_was_never_taken(tmp_path: Path) -> None:
    assert running(tmp_path / "lock") is None
    (tmp_path / "lock").write_text("{torn")
    assert read_holder(tmp_path / "lock") is None
