"""The warden: nothing that an experiment starts outlives it, whatever it does."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from run.bench import FAMILY, RELATIVES, Bench, lives, mourning, pids_in, wait_until

from nightlab.run.warden import Child, descendants, marked, resident

STAYS = FAMILY + "time.sleep(600)"
STUBBORN = FAMILY + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)"

PARENT = """
import fcntl, os, sys, time
from pathlib import Path
from nightlab.run.processes import Processes, devnull

lock = os.open("lock", os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
with Processes(keep_open=[lock]) as processes:
    null = devnull()
    processes.start(
        [sys.executable, "-I", "-S", "-c", sys.argv[1]],
        folder=Path.cwd(), environment={}, mark="x", stdin=null, stdout=null,
    )
    time.sleep(600)
"""


def assert_all_dead(pids: dict[str, int], seconds: float = 3.0) -> None:
    """Every relative dies within a moment (a kill is not instantaneous)."""
    for name, pid in pids.items():
        wait_until(lambda pid=pid: not lives(pid), seconds)
        assert not lives(pid), name


class TestTheWholeTreeDies:
    def test_when_the_main_process_leaves_and_they_stay(self, bench: Bench) -> None:
        ended, _ = bench.run(FAMILY + "raise SystemExit(4)")
        assert (ended.code, ended.why) == (4, "")
        assert_all_dead(pids_in(bench.folder))

    def test_at_a_timeout(self, bench: Bench) -> None:
        pid = bench.start(STUBBORN, timeout=1.0, grace=0.2)
        pids = pids_in(bench.folder)
        assert all(lives(pid) for pid in pids.values())
        assert bench.end(pid).why == "timeout"
        assert_all_dead(pids)

    def test_when_it_is_killed(self, bench: Bench) -> None:
        pid = bench.start(STUBBORN)
        pids = pids_in(bench.folder)
        bench.processes.kill(pid, grace=0.1)
        assert bench.end(pid).why == "killed"
        assert_all_dead(pids)

    def test_when_the_main_process_crashes(self, bench: Bench) -> None:
        ended, _ = bench.run(FAMILY + "os.kill(os.getpid(), signal.SIGSEGV)")
        assert ended.code == -signal.SIGSEGV
        assert_all_dead(pids_in(bench.folder))

    def test_when_the_caller_closes_the_socket(self, bench: Bench) -> None:
        bench.start(STUBBORN)
        pids = pids_in(bench.folder)
        bench.processes.socket.close()
        assert_all_dead(pids)

    def test_though_another_run_goes_on(self, bench: Bench) -> None:
        other = bench.folder / "other"
        other.mkdir()
        pid = bench.start(STAYS, folder=other, mark="other")
        theirs = pids_in(other, ("child", "session", "daemon"))
        bench.run(FAMILY, mark="this")
        assert_all_dead(pids_in(bench.folder))
        assert all(lives(pid) for pid in (pid, *theirs.values()))

    def test_also_a_daemon_that_forks_on_and_on(self, bench: Bench) -> None:
        program = (
            "import os, time\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    for number in range(40):\n"
            "        if os.fork() == 0:\n"
            "            with open(f'{number}.new', 'w') as file: file.write(str(os.getpid()))\n"
            "            os.rename(f'{number}.new', f'{number}.pid')\n"
            "            time.sleep(600)\n"
            "    time.sleep(600)\n"
            "while not os.path.exists('5.pid'): time.sleep(0.001)\n"
        )
        bench.run(program)
        warden = int(bench.run("import os; print(os.getppid())")[1])
        wait_until(lambda: not descendants(warden), 3)
        noted = bench.folder.glob("*.pid")
        assert_all_dead({note.stem: int(note.read_text()) for note in noted})


class TestWhenTheCallerIsKilled:
    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", PARENT, STUBBORN], cwd=folder)

    def test_nothing_survives(self, tmp_path: Path) -> None:
        with mourning(tmp_path), self.start(tmp_path) as parent:
            try:
                pids = pids_in(tmp_path)
                assert all(lives(pid) for pid in pids.values())
            finally:
                parent.kill()
            assert_all_dead(pids, 2.0)

    def test_the_lock_is_free_only_when_all_are_dead(self, tmp_path: Path) -> None:
        with mourning(tmp_path), self.start(tmp_path) as parent:
            try:
                pids = pids_in(tmp_path)
            finally:
                parent.kill()
            parent.wait()
            with (tmp_path / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
            assert [name for name in RELATIVES if lives(pids[name])] == []


class TestPeakMemory:
    HOLD = "import time; held = bytearray(b'x') * (40 << 20); time.sleep(0.6)"

    def test_counts_the_main_process(self, bench: Bench) -> None:
        ended, _ = bench.run("held = bytearray(b'x') * (60 << 20)")
        assert 60 <= ended.peak_memory / 2**20 < 200

    def test_counts_a_child(self, bench: Bench) -> None:
        program = (
            "import os\n"
            "if os.fork() == 0:\n"
            "    held = bytearray(b'x') * (60 << 20)\n"
            "else:\n"
            "    os.wait()"
        )
        ended, _ = bench.run(program)
        assert 60 <= ended.peak_memory / 2**20 < 200

    def test_adds_up_those_that_live_together(self, bench: Bench) -> None:
        program = f"import os\nfirst = os.fork()\n{self.HOLD}\nif first: os.wait()"
        ended, _ = bench.run(program)
        assert 80 <= ended.peak_memory / 2**20 < 200

    def test_counts_a_daemon_that_was_seen(self, bench: Bench) -> None:
        program = (
            "import os, time\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    if os.fork() == 0:\n"
            "        while os.path.exists('bound'): time.sleep(0.005)\n"
            "        held = bytearray(b'x') * (60 << 20)\n"
            "        open('held', 'w').close()\n"
            "        time.sleep(600)\n"
            "    while os.path.exists('bound'): time.sleep(0.005)\n"
            "    os._exit(0)\n"
            "time.sleep(0.4)\n"
            "os.remove('bound')\n"
            "os.wait()\n"
            "while not os.path.exists('held'): time.sleep(0.005)\n"
            "time.sleep(0.4)\n"
        )
        (bench.folder / "bound").touch()
        ended, _ = bench.run(program)
        assert 60 <= ended.peak_memory / 2**20 < 200


class TestLookingAtProcesses:
    def test_descendants_are_found_at_any_depth(self, bench: Bench) -> None:
        pid = bench.start(STAYS)
        pids = pids_in(bench.folder)
        below = descendants(pid)
        assert pids["child"] in below
        assert pids["session"] in below
        assert pids["daemon"] not in below, "it was adopted by the warden"
        assert {pid, *pids.values()} <= set(descendants(os.getpid()))

    def test_there_are_none_below_a_process_that_is_not_there(self) -> None:
        assert descendants(2**22 + 1) == []

    def test_memory_in_use(self) -> None:
        assert 2**20 < resident(os.getpid()) < 2**34
        assert resident(2**22 + 1) == 0

    def test_a_process_bears_the_mark_of_its_run(self, bench: Bench) -> None:
        pid = bench.start(STAYS, mark="12.3")
        pids = pids_in(bench.folder)
        assert [marked(pid), marked(pids["daemon"]), marked(pids["scrubbed"])] == [
            "12.3",
            "12.3",
            "",
        ]
        assert marked(2**22 + 1) == ""

    @pytest.mark.parametrize("living", [set(), {2**22 + 2}])
    def test_a_child_forgets_relatives_that_have_died(self, living: set[int]) -> None:
        with subprocess.Popen(["sleep", "600"]) as process:
            try:
                child = Child(process, {}, 2)
                child.family |= {2**22 + 1, 2**22 + 2}
                child.sample(living)
                assert child.family == {process.pid, *living}
            finally:
                process.kill()
