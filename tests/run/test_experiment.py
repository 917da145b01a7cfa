"""How a command becomes an argument list, and a slot starts it."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run.bench import PYTHON, Bench

from nightlab.run.conformance import sample_job
from nightlab.run.experiment import Slot, argv_of


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("python train.py", ["python", "train.py"]),
        ("python train.py --name 'two words'", ["python", "train.py", "--name", "two words"]),
        ("  python   train.py\n", ["python", "train.py"]),
        ('python -m "a b"', ["python", "-m", "a b"]),
        ("", []),
    ],
)
def test_a_plain_command_needs_no_shell(command: str, argv: list[str]) -> None:
    assert argv_of(command) == argv


@pytest.mark.parametrize(
    "command",
    [
        "python train.py | tee log",
        "a && b",
        "a; b",
        "a > b",
        "echo $NIGHTLAB_SEED",
        "X=1 python train.py",
        "ls *.py",
        "cd ~/x",
        "a\nb",
        "python train.py # the usual",
        "echo `date`",
    ],
)
def test_anything_else_goes_through_one(command: str) -> None:
    assert argv_of(command) == ["/bin/sh", "-c", command]


@given(st.lists(st.text("abcXYZ019 .'\"/,:%@+_-", min_size=1), min_size=1))
def test_quoted_words_come_back(words: list[str]) -> None:
    assert argv_of(shlex.join(words)) == words


class TestSlot:
    @pytest.fixture
    def slot(self, bench: Bench) -> Slot:
        return Slot(sample_job(5, 1, bench.folder), bench.folder, bench.processes)

    def start(self, slot: Slot, bench: Bench, program: str, **given: object) -> int:
        argv = [*PYTHON, program]
        return slot.start(argv, bench.folder, {}, slot.job.log, **{"timeout": 10, **given})

    def test_output_and_errors_are_added_to_the_log(self, slot: Slot, bench: Bench) -> None:
        slot.job.log.write_text("before\n")
        pid = self.start(slot, bench, "import os, sys; os.write(1, b'a'); os.write(2, b'b')")
        bench.end(pid)
        assert slot.job.log.read_text() == "before\nab"
        assert slot.pids == [pid]

    def test_standard_input_is_empty(self, slot: Slot, bench: Bench) -> None:
        bench.end(self.start(slot, bench, "import sys; print(repr(sys.stdin.read()))"))
        assert slot.job.log.read_text() == "''\n"

    def test_output_may_go_elsewhere_and_errors_still_to_the_log(
        self, slot: Slot, bench: Bench
    ) -> None:
        ours, theirs = os.pipe()
        program = "import os; os.write(1, b'answer'); os.write(2, b'warning')"
        pid = self.start(slot, bench, program, stdout=theirs)
        os.close(theirs)
        with os.fdopen(ours, "rb") as file:
            assert file.read() == b"answer"
        bench.end(pid)
        assert slot.job.log.read_text() == "warning"

    def test_processes_of_one_run_bear_one_mark(self, slot: Slot, bench: Bench) -> None:
        for _ in range(2):
            bench.end(self.start(slot, bench, "import os; print(os.environ['NIGHTLAB_RUN'])"))
        first, second = slot.job.log.read_text().split()
        assert first == second == f"{os.getpid()}.5"

    def test_a_failed_start_leaves_no_descriptor(self, slot: Slot, bench: Bench) -> None:
        before = sum(1 for _ in Path("/proc/self/fd").iterdir())
        with pytest.raises(FileNotFoundError):
            slot.start(["no-such-program"], bench.folder, {}, slot.job.log, timeout=1)
        assert sum(1 for _ in Path("/proc/self/fd").iterdir()) <= before
        assert slot.pids == []

    def test_the_timeout_is_passed_on(self, slot: Slot, bench: Bench, tmp_path: Path) -> None:
        ended = bench.end(self.start(slot, bench, "import time; time.sleep(600)", timeout=0.2))
        assert (ended.why, ended.code) == ("timeout", -signal.SIGTERM)
