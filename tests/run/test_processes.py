"""Processes through the warden, really run: what the caller sees."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from run.bench import Bench, lives, mourning, wait_until

from nightlab.run.processes import Processes, devnull
from nightlab.types import NightlabError

OPEN = """
import json, os
there = [int(n) for n in os.listdir("/proc/self/fd")]
print(json.dumps([n for n in there if os.path.exists(f"/proc/self/fd/{n}")]))
"""


def open_descriptors(pid: int | str = "self") -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_an_exit_code_is_told(bench: Bench, code: int) -> None:
    ended, _ = bench.run(f"raise SystemExit({code})")
    assert (ended.code, ended.why) == (code, "")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_signal_is_told_as_a_negative_code(bench: Bench, number: signal.Signals) -> None:
    ended, _ = bench.run(f"import os; os.kill(os.getpid(), {int(number)})")
    assert (ended.code, ended.why) == (-number, "")


def test_seconds_are_wall_time(bench: Bench) -> None:
    began = time.monotonic()
    ended, _ = bench.run("import time; time.sleep(0.3)")
    assert 0.3 <= ended.seconds <= time.monotonic() - began


def test_standard_error_goes_with_standard_output_or_apart(bench: Bench) -> None:
    program = "import os; os.write(1, b'out\\n'); os.write(2, b'err\\n')"
    assert bench.run(program)[1] == "out\nerr\n"
    apart = bench.folder / "err.txt"
    with apart.open("wb") as file:
        assert bench.run(program, stderr=file.fileno())[1] == "out\n"
    assert apart.read_text() == "err\n"


def test_a_program_that_is_not_there_raises_at_once_and_the_warden_goes_on(bench: Bench) -> None:
    given = {"folder": bench.folder, "environment": {}, "mark": "x", "stdin": 0, "stdout": 1}
    with pytest.raises(FileNotFoundError, match="no-such-program: No such file"):
        bench.processes.start(["no-such-program"], **given)
    assert bench.run("print('well')")[1] == "well\n"


def test_a_program_that_may_not_be_executed_raises(bench: Bench) -> None:
    script = bench.folder / "script"
    script.write_text("#!/bin/sh\n")
    with pytest.raises(OSError, match="Permission denied"):
        bench.processes.start(
            [str(script)], folder=bench.folder, environment={}, mark="x", stdin=0, stdout=1
        )
    assert bench.run("print('well')")[1] == "well\n"


def test_a_folder_that_is_not_there_is_named(bench: Bench) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        bench.start("", folder=bench.folder / "nowhere")
    assert bench.run("print('well')")[1] == "well\n"


@pytest.mark.parametrize("argv", [[], ["a\0b"], ["true", "a\0b"]])
def test_nonsense_for_a_command_does_not_kill_the_warden(bench: Bench, argv: list[str]) -> None:
    with pytest.raises(OSError):
        bench.processes.start(
            argv, folder=bench.folder, environment={}, mark="x", stdin=0, stdout=1
        )
    assert bench.run("print('well')")[1] == "well\n"


def test_the_environment_is_the_one_given_and_the_mark(bench: Bench) -> None:
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    _, said = bench.run(program, environment={"A": "1", "LC_ALL": "C.UTF-8"}, mark="run-5")
    assert json.loads(said) == {"A": "1", "LC_ALL": "C.UTF-8", "NIGHTLAB_RUN": "run-5"}


def test_environment_and_arguments_need_not_be_text(bench: Bench) -> None:
    program = "import os, sys; print(os.environb[b'A'], os.fsencode(sys.argv[1]))"
    _, said = bench.run(program, os.fsdecode(b"\xfe"), environment={"A": os.fsdecode(b"\xff")})
    assert said == "b'\\xff' b'\\xfe'\n"


def test_a_request_of_megabytes_arrives_whole(bench: Bench) -> None:
    words = [f"{number}-{'x' * 1000}" for number in range(600)]
    variables = {f"V{number}": "y" * 100_000 for number in range(5)}
    program = (
        "import hashlib, os, sys\n"
        "print(hashlib.sha256(repr(sys.argv[1:]).encode()).hexdigest())\n"
        "print(sum(len(v) for n, v in os.environ.items() if n[0] == 'V'))"
    )
    _, said = bench.run(program, *words, environment=variables)
    digest, size = said.split()
    assert digest == hashlib.sha256(repr(words).encode()).hexdigest()
    assert int(size) == 500_000


def test_extra_descriptors_arrive_and_are_named_in_the_variable(bench: Bench) -> None:
    ours, theirs = os.pipe()
    back, forth = os.pipe()
    os.write(forth, b"question")
    program = (
        "import os\n"
        "read, write = map(int, os.environ['CHANNEL'].split(','))\n"
        "os.write(write, os.read(read, 100)[::-1])"
    )
    pid = bench.start(program, extra=(back, theirs), variables=["CHANNEL"])
    for fd in (back, forth, theirs):
        os.close(fd)
    with os.fdopen(ours, "rb") as file:
        assert file.read() == b"noitseuq"
    assert bench.end(pid).code == 0


def test_no_descriptor_leaks_into_a_process(bench: Bench, tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.set_inheritable(ours, True)
    bench.start("import time; time.sleep(600)", extra=(ours, theirs), variables=["CHANNEL"])
    _, said = bench.run(OPEN)
    assert json.loads(said) == [0, 1, 2]
    _, said = bench.run(OPEN, extra=(theirs,), variables=["CHANNEL"])
    assert len(json.loads(said)) == 4
    os.close(ours)
    os.close(theirs)


def test_no_descriptor_leaks_in_the_caller_or_in_the_warden(bench: Bench) -> None:
    warden = int(bench.run("import os; print(os.getppid())")[1])
    before = open_descriptors(), open_descriptors(warden)
    ours, theirs = os.pipe()
    started = [bench.start("", extra=(ours, theirs), variables=["CHANNEL"]) for _ in range(50)]
    for number in range(10):
        with pytest.raises(OSError):
            bench.start("", folder=bench.folder / f"nowhere{number}")
    assert {bench.end(pid).code for pid in started} == {0}
    os.close(ours)
    os.close(theirs)
    assert (open_descriptors(), open_descriptors(warden)) == before


def test_a_context_that_is_left_leaves_no_descriptor(tmp_path: Path) -> None:
    before = open_descriptors()
    with Processes() as processes:
        Bench(processes, tmp_path).run("")
    assert open_descriptors() == before


def test_two_processes_run_at_the_same_time(bench: Bench) -> None:
    there, here = bench.folder / "there", bench.folder / "here"
    meet = (
        "import os, sys, time\n"
        "open(sys.argv[1], 'w').close()\n"
        "while not os.path.exists(sys.argv[2]): time.sleep(0.005)"
    )
    first = bench.start(meet, str(here), str(there), timeout=10)
    second = bench.start(meet, str(there), str(here), timeout=10)
    assert [bench.end(pid).why for pid in (first, second)] == ["", ""]


def test_ends_of_others_are_kept_while_one_is_started(bench: Bench) -> None:
    pids = [bench.start("") for _ in range(10)]
    assert [bench.end(pid).pid for pid in pids] == pids


def test_a_timeout_sends_term_first(bench: Bench) -> None:
    ended, _ = bench.run("import time; time.sleep(600)", timeout=0.3)
    assert (ended.code, ended.why) == (-signal.SIGTERM, "timeout")
    assert 0.3 <= ended.seconds < 4


def test_a_timeout_is_one_even_where_the_process_leaves_politely(bench: Bench) -> None:
    program = (
        "import signal, sys, time\n"
        "def leave(*_): print('saved'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        "time.sleep(600)"
    )
    ended, said = bench.run(program, timeout=0.5)
    assert (ended.code, ended.why, said) == (0, "timeout", "saved\n")


def test_a_timeout_kills_what_ignores_term(bench: Bench) -> None:
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    ended, _ = bench.run(program, timeout=0.5, grace=0.3)
    assert (ended.code, ended.why) == (-signal.SIGKILL, "timeout")
    assert 0.8 <= ended.seconds < 6


def test_a_stopped_process_is_killed_too(bench: Bench) -> None:
    program = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
    ended, _ = bench.run(program, timeout=0.3, grace=0.2)
    assert (ended.code, ended.why) == (-signal.SIGKILL, "timeout")


def test_kill_ends_one_and_leaves_the_other(bench: Bench) -> None:
    first, second = (bench.start("import time; time.sleep(600)") for _ in range(2))
    bench.processes.kill(first)
    ended = bench.end(first)
    assert (ended.code, ended.why) == (-signal.SIGTERM, "killed")
    assert lives(second)


def test_kill_of_one_that_has_ended_does_nothing(bench: Bench) -> None:
    pid = bench.start("")
    bench.end(pid)
    bench.processes.kill(pid)
    assert bench.run("print('well')")[1] == "well\n"


def test_leaving_the_context_kills_at_once(tmp_path: Path) -> None:
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    with Processes() as processes:
        pid = Bench(processes, tmp_path).start(program)
        began = time.monotonic()
    assert not lives(pid)
    assert time.monotonic() - began < 4


def test_pending_tells_of_what_was_read_already(bench: Bench) -> None:
    pid = bench.start("")
    wait_until(lambda: not lives(pid))
    wait_until(lambda: bench.start("") and bench.processes.pending)
    assert pid in {ended.pid for ended in bench.processes.ended()}


def test_kept_descriptors_are_open_until_the_warden_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with Processes(keep_open=[lock]) as processes, path.open() as other:
        os.close(lock)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _, said = Bench(processes, tmp_path).run(OPEN)
        assert json.loads(said) == [0, 1, 2]
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_devnull_reads_as_empty() -> None:
    fd = devnull()
    assert os.read(fd, 10) == b""
    assert os.write(fd, b"gone") == 4
    os.close(fd)


class TestWhenTheWardenIsKilled:
    def kill_warden(self, bench: Bench) -> None:
        warden = int(bench.run("import os; print(os.getppid())")[1])
        os.kill(warden, signal.SIGKILL)
        wait_until(lambda: not lives(warden))

    def test_its_children_die(self, bench: Bench) -> None:
        pid = bench.start("import time; time.sleep(600)")
        self.kill_warden(bench)
        wait_until(lambda: not lives(pid), 5)

    def test_the_caller_is_told(self, bench: Bench) -> None:
        bench.start("import time; time.sleep(600)")
        self.kill_warden(bench)
        with pytest.raises(NightlabError, match="warden died"):
            bench.processes.ended()
        with pytest.raises(NightlabError, match="warden died"):
            bench.start("")
        with pytest.raises(NightlabError, match="warden died"):
            bench.processes.kill(1)

    def test_the_caller_is_told_though_a_request_was_not_read(self, bench: Bench) -> None:
        warden = int(bench.run("import os; print(os.getppid())")[1])
        os.kill(warden, signal.SIGSTOP)
        bench.processes.kill(1)
        os.kill(warden, signal.SIGKILL)
        wait_until(lambda: not lives(warden))
        with pytest.raises(NightlabError, match="warden died"):
            bench.processes.ended()

    def test_grandchildren_in_the_group_die_when_the_caller_hears_of_it(self, bench: Bench) -> None:
        program = (
            "import os, time\n"
            "if os.fork() == 0:\n"
            "    with open('grand.new', 'w') as file: file.write(str(os.getpid()))\n"
            "    os.rename('grand.new', 'grand.pid')\n"
            "time.sleep(600)"
        )
        bench.start(program)
        note = bench.folder / "grand.pid"
        wait_until(note.exists)
        self.kill_warden(bench)
        with pytest.raises(NightlabError):
            bench.processes.ended()
        wait_until(lambda: not lives(int(note.read_text())), 5)


PARENT = """
import os, select, signal, sys
from pathlib import Path
from nightlab.run.processes import Processes, devnull

{before}
with Processes() as processes:
    null = devnull()
    pid = processes.start(
        [sys.executable, "-I", "-S", "-c", {program!r}],
        folder=Path.cwd(), environment={{}}, mark="x", stdin=null, stdout=null,
    )
    print("ready", pid, flush=True)
    while not (ends := processes.ended()):
        select.select([processes], [], [], 0.1)
    print("ended", ends[0].code, flush=True)
"""


def test_ctrl_c_at_the_terminal_does_not_hit_the_runs(tmp_path: Path) -> None:
    program = (
        "import os, time\nwhile not os.path.exists('go'): time.sleep(0.005)\nraise SystemExit(7)"
    )
    before = "signal.signal(signal.SIGINT, lambda *_: print('interrupted', flush=True))"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(before=before, program=program)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout
    with mourning(tmp_path), parent:
        assert parent.stdout.readline().startswith("ready")
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.stdout.readline() == "interrupted\n"
        (tmp_path / "go").touch()
        assert parent.stdout.readline() == "ended 7\n"


def test_a_process_may_use_ctrl_c_itself(bench: Bench) -> None:
    program = (
        "import signal\n"
        "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler,\n"
        "      signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
    )
    assert bench.run(program)[1] == "True True\n"


def test_a_process_leads_a_session_of_its_own(bench: Bench) -> None:
    _, said = bench.run("import os; print(os.getsid(0) == os.getpid() == os.getpgid(0))")
    assert said == "True\n"
