"""What people see and get of a campaign: on a terminal, in a pipe, and when it ends badly."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import CALL_PROGRAM, COMMAND_PROGRAM, TRAIN, call_study, command_study
from rich.cells import cell_len

SUMMARY = "autoresearch-summary.md"
PROGRESS = "autoresearch-progress.md"
QUICK = CALL_PROGRAM.replace("stop: {trials: 5}", "report: {with: [summary], every: 2}")
STEPS = """
for step in range(10):
    print(f"progress: {step / 10} step={step}", flush=True)
    time.sleep(float(os.environ.get("TOY_SLEEP", "0")) / 10)
"""
PATIENCE = 60.0


def slow(seconds: float) -> tuple[str, str]:
    """A program and a script that says how far it is, and takes this long."""
    train = TRAIN.replace('time.sleep(float(os.environ.get("TOY_SLEEP", "0")))\n', STEPS)
    program = COMMAND_PROGRAM.replace("python train.py", f"env TOY_SLEEP={seconds} python train.py")
    program = program.replace("stop: {trials: 4}", "report: {with: [summary], every: 2}")
    assert STEPS in train and "every" in program
    return program, train


class Terminal:
    """A command on a terminal of its own, whose size it may ask for."""

    def __init__(self, folder: Path, words: list[str], size: tuple[int, int], **env: str) -> None:
        self.said = b""
        self.main, other = pty.openpty()
        columns, rows = size
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", LEADER, sys.executable, "-m", "nightlab", *words],
            cwd=folder,
            env={**plain, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **env},
            stdin=other, stdout=other, stderr=other, start_new_session=True,
        )  # fmt: skip
        os.close(other)

    def read(self) -> bool:
        """Take in what it has to say. Returns whether there was anything."""
        ready, _, _ = select.select([self.main], [], [], 0.05)
        try:
            more = os.read(self.main, 1 << 16) if ready else b""
        except OSError:  # it has ended
            more = b""
        self.said += more
        return bool(more)

    def until(self, text: str) -> None:
        """Read on until this is shown."""
        give_up = time.monotonic() + PATIENCE
        while text not in self.text:
            assert time.monotonic() < give_up, f"waited in vain for {text!r}:\n{self.text}"
            self.read()

    def wait(self) -> int:
        """Read until it ends. Returns its exit status."""
        give_up = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < give_up, self.text
            self.read()
        while self.read():
            pass
        return self.process.returncode

    @property
    def text(self) -> str:
        """What was said, without what moves the cursor and colours the text."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.said.decode("utf-8", "replace"))

    def hang_up(self) -> None:
        """Close the terminal, as closing its window does."""
        os.close(self.main)
        self.main = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.main >= 0:
            os.close(self.main)


LEADER = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextmanager
def terminal(
    folder: Path, *words: str, size: tuple[int, int] = (80, 24), **env: str
) -> Iterator[Terminal]:
    opened = Terminal(folder, list(words), size, **env)
    try:
        yield opened
    finally:
        opened.close()


def start(folder: Path, *words: str, **env: str) -> subprocess.Popen[str]:
    """A command in a pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "nightlab", *words],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        text=True, env={**os.environ, **env}, start_new_session=True,
    )  # fmt: skip


def said_by(folder: Path, *words: str, code: int = 0, **env: str) -> str:
    """What a command prints, its exit status being this."""
    process = start(folder, *words, **env)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, out + err
    assert "Traceback" not in err
    return out


def until(condition: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, f"waited in vain until {what}"
        time.sleep(0.02)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 60)])
def test_a_campaign_on_a_terminal(tmp_path: Path, size: tuple[int, int]) -> None:
    folder = command_study(tmp_path / "s", *slow(0.5)).folder
    with terminal(folder, "run", "--trials", "2", size=size) as screen:
        assert screen.wait() == 0, screen.text
    text = screen.text
    assert "measuring the baseline, 1 of 2 seeds" in text
    assert "baseline seed 1 ━" in text and "trial 1 seed 1 ━" in text
    assert "2 trials left" in text and "1 trial left" in text
    assert re.search(r"  1 (keep|discard) .*: .*loss", text)
    assert "stopped: 2 trials are done" in text
    assert text.rstrip().endswith(f"wrote {SUMMARY}")
    assert PROGRESS in text.replace("\r\n", "") or "## AutoResearch Progress — Iteration 2" in text
    assert screen.said.count(b"\x1b[?25l") == screen.said.count(b"\x1b[?25h") == 1
    drawn = re.sub(r"\x1b\[(2K|1A)", "\n", screen.said.decode())
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)
    assert max(cell_len(line) for line in re.split(r"[\r\n]+", drawn)) <= size[0]
    assert (folder / SUMMARY).is_file() and (folder / PROGRESS).is_file()


@pytest.mark.parametrize(
    ("env", "absent", "present"),
    [
        ({"NO_COLOR": "1"}, rb"\x1b\[[0-9;]*3[0-9]m", b"\xe2\x94\x81"),
        ({"PYTHONIOENCODING": "ascii"}, rb"[\x80-\xff]", b"####"),
        ({"LC_ALL": "C"}, rb"[\x80-\xff]", b"####"),
        ({"TERM": "dumb"}, rb"\x1b", b"baseline seed 1: loss"),
        ({"TERM": "dumb", "PYTHONIOENCODING": "ascii"}, rb"\x1b|[\x80-\xff]", b"Progress - "),
    ],
    ids=["no colour", "ascii", "C", "no cursor", "neither"],
)
def test_terminals_that_can_do_less(
    tmp_path: Path, env: dict[str, str], absent: bytes, present: bytes
) -> None:
    folder = command_study(tmp_path / "s", *slow(0.4)).folder
    with terminal(folder, "run", "--trials", "2", **env) as screen:
        assert screen.wait() == 0, screen.text
    assert re.search(absent, screen.said) is None
    assert present in screen.said
    assert "Traceback" not in screen.text


@pytest.mark.parametrize(
    "ascii_only",
    [
        {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
        {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},
    ],
    ids=["given", "by the locale"],
)
def test_a_narrow_encoding_in_a_pipe_ends_nothing(
    tmp_path: Path, ascii_only: dict[str, str]
) -> None:
    folder = call_study(tmp_path / "s", QUICK.replace("# Toy", "# Tøy 日本")).folder
    said = said_by(folder, "run", "--trials", "2", **ascii_only)
    assert said.isascii() and "## AutoResearch Progress - Iteration 2" in said
    for words in (["status"], ["report"], ["report", "--progress"]):
        assert said_by(folder, *words, **ascii_only).isascii()
    told = json.loads(said_by(folder, "report", "--progress", "--json", **ascii_only))
    assert told["progress"].startswith("## AutoResearch Progress — Iteration 2\n")


def test_ctrl_c_on_a_terminal_ends_cleanly_and_leaves_the_summary(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", *slow(0.6)).folder
    with terminal(folder, "run") as screen:
        screen.until("trial 1 seed")
        os.write(screen.main, b"\x03")
        assert screen.wait() == 130, screen.text
    assert "stopped: interrupted by SIGINT" in screen.text
    assert (folder / SUMMARY).is_file()
    assert "interrupted by SIGINT" in (folder / SUMMARY).read_text()


def test_a_window_that_is_closed_leaves_the_summary(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", *slow(0.6)).folder
    with terminal(folder, "run") as screen:
        screen.until("trial 1 seed")
        screen.hang_up()
        assert screen.process.wait(timeout=PATIENCE) == 130
    assert "interrupted by SIGHUP" in (folder / SUMMARY).read_text()


def test_a_session_that_fails_leaves_the_summary_and_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "class Broken:\n"
        "    def __init__(self, *given): pass\n"
        "    def propose(self, history): return 1 / 0\n"
        "    def refused(self, idea, reason): pass\n"
    )
    program = QUICK.replace("with: random", 'with: "broken:Broken"')
    folder = call_study(tmp_path / "s", program).folder
    process = start(folder, "run", PYTHONPATH=str(tmp_path))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err == "nightlab: the proposer failed: ZeroDivisionError: division by zero\n"
    assert f"wrote {SUMMARY}" in out and (folder / SUMMARY).is_file()


def test_a_session_that_learned_nothing_writes_nothing(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s", QUICK).folder
    said_by(folder, "run", "--trials", "0")
    assert (folder / SUMMARY).is_file()
    (folder / SUMMARY).unlink()
    assert "wrote" not in said_by(folder, "run", "--trials", "0")
    (folder / "program.md").write_text(QUICK.replace("minimize loss", "minimize cost"))
    said_by(folder, "run", code=1)
    assert not (folder / SUMMARY).exists()


REPORT = """
import os
import time
from pathlib import Path

class {name}:
    def write(self, study, campaign):
        (study.folder / "begun").touch()
        while not (study.folder / "go").exists():
            time.sleep(0.02)
        (study.folder / "written").write_text("whole")
        return [study.folder / "written"]

class Fails:
    def write(self, study, campaign):
        os.system("echo mutter >&2")
        raise RuntimeError("no ink\\nleft")
"""


def reporting(tmp_path: Path, names: str) -> Path:
    """A study whose reports are these, found in own.py."""
    (tmp_path / "own.py").write_text(REPORT.format(name="Waits"))
    program = QUICK.replace("[summary]", names).replace("every: 2", "every: 0")
    return call_study(tmp_path / "s", program).folder


@pytest.mark.parametrize("signals", [1, 2])
def test_a_signal_lets_the_reports_be_written_and_a_second_does_not(
    tmp_path: Path, signals: int
) -> None:
    folder = reporting(tmp_path, '["own:Waits"]')
    process = start(folder, "run", "--trials", "1", PYTHONPATH=str(tmp_path))
    until((folder / "begun").exists, "the report is begun")
    process.send_signal(signal.SIGTERM)
    if signals == 2:
        time.sleep(0.3)  # or the two become one
        process.send_signal(signal.SIGTERM)
    else:
        (folder / "go").touch()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, out + err
    assert (folder / "written").exists() is (signals == 1)
    assert ("wrote written" in out) is (signals == 1)
    assert ("stopped at once" in err) is (signals == 2) and "Traceback" not in err


def test_a_report_that_fails_is_one_line_and_an_exit_status(tmp_path: Path) -> None:
    folder = reporting(tmp_path, '[summary, "own:Fails"]')
    process = start(folder, "run", "--trials", "1", PYTHONPATH=str(tmp_path))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err == "nightlab: report own:Fails failed: RuntimeError: no ink left\n"
    assert "stopped: 1 trial is done" in out and (folder / SUMMARY).is_file()


def test_quiet_writes_and_says_nothing(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s", QUICK).folder
    assert said_by(folder, "run", "--trials", "2", "--quiet") == ""
    assert (folder / SUMMARY).is_file() and (folder / PROGRESS).is_file()


def test_json_tells_the_progress_and_the_reports(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s", QUICK).folder
    told = [
        json.loads(line)
        for line in said_by(folder, "run", "--trials", "4", "--json").split("\n")
        if line
    ]
    reports = [one for one in told if one["event"] == "progress_report"]
    assert [one["text"].split("\n")[0][-1] for one in reports] == ["2", "4"]
    assert told[-2]["event"] == "report" and told[-1]["event"] == "end"
    assert told[-2]["files"] == [str(folder / SUMMARY)]
    settled = [n for n, one in enumerate(told) if one["event"] == "trial_settled"]
    assert told.index(reports[0]) == settled[1] + 1, "after the verdict"


def test_the_progress_on_demand(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s", QUICK).folder
    said_by(folder, "run", "--trials", "3", "--tag", "one")
    text = said_by(folder, "report", "--progress")
    assert text.startswith("## AutoResearch Progress — Iteration 3\n")
    assert "**Iterations:** 3 completed / 3\n" in text
    told = json.loads(said_by(folder, "report", "--progress", "--json"))
    assert told == {"campaign": "one", "progress": text}
    assert "Iteration 2" in (folder / PROGRESS).read_text(), "asking writes nothing"


def test_a_read_only_place_for_the_progress_stops_no_campaign(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s", QUICK).folder
    (folder / PROGRESS / "in the way").mkdir(parents=True)
    said = said_by(folder, "run", "--trials", "4")
    assert said.count("the progress report could not be written: ") == 1
    assert "stopped: 4 trials are done" in said


def test_watching_on_a_terminal_until_the_session_ends(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", *slow(1.0)).folder
    with terminal(folder, "run", "--trials", "1", "--tag", "one") as ran:
        ran.until("trial 1 seed")
        with terminal(folder, "status", "--watch", "--every", "0.2", size=(60, 16)) as watched:
            assert watched.wait() == 0, watched.text
        assert ran.wait() == 0
    assert "one  loss" in watched.text and re.search(r"trial 1 seed \d ━", watched.text)
    assert "step=" in watched.text, "progress is read from the logs"
    assert watched.text.rstrip().endswith("stopped: 1 trial is done")
    assert "no session is running" not in watched.text
    assert watched.said.count(b"\x1b[?25l") == watched.said.count(b"\x1b[?25h") == 1


def test_watching_an_idle_campaign_waits_for_a_session(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s", QUICK).folder
    said_by(folder, "run", "--trials", "1", "--tag", "one")
    with terminal(folder, "status", "--watch", "--every", "0.1", size=(120, 24)) as watched:
        watched.until("no session is running; waiting for one to begin, Ctrl-C ends this")
        os.write(watched.main, b"\x03")
        assert watched.wait() == 0, watched.text
    with terminal(folder, "status", "--watch", "--every", "0.1") as watched:
        watched.until("no session is running")
        said_by(folder, "run", "--trials", "2", "--tag", "one")
        assert watched.wait() == 0, watched.text
    assert watched.text.rstrip().endswith("stopped: 3 trials are done")


def test_watching_in_a_pipe(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", *slow(0.6)).folder
    ran = start(folder, "run", "--trials", "2", "--tag", "one")
    until(lambda: '"running"' in said_anyhow(folder), "it runs")
    plain = start(folder, "status", "--watch", "--every", "0.1")
    as_json = start(folder, "status", "--watch", "--every", "0.1", "--json")
    out, err = plain.communicate(timeout=PATIENCE)
    documents, _ = as_json.communicate(timeout=PATIENCE)
    ran.communicate(timeout=PATIENCE)
    assert (plain.returncode, as_json.returncode, err) == (0, 0, "")
    blocks = out.split("\n\n")
    assert len(blocks) > 3 and blocks[0].startswith("one: running\n")
    assert len(set(blocks)) == len(blocks), "only what has changed"
    assert blocks[-2].startswith("one: stopped (2 trials are done)\n")
    assert blocks[-1] == "stopped: 2 trials are done\n"
    told = [json.loads(line) for line in documents.splitlines()]
    assert told[0]["state"] == "running" and told[-1]["state"] == "stopped"
    assert told[-1]["trials"] == 2


def said_anyhow(folder: Path) -> str:
    process = start(folder, "status", "--json")
    return process.communicate(timeout=PATIENCE)[0]


def test_watching_a_session_that_is_killed(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", *slow(30.0)).folder
    ran = start(folder, "run", "--tag", "one")
    try:
        until(lambda: '"running"' in said_anyhow(folder), "it runs")
        watched = start(folder, "status", "--watch", "--every", "0.1")
        assert watched.stdout is not None
        assert watched.stdout.readline() == "one: running\n"
    finally:
        ran.kill()
        ran.communicate()
    out, _ = watched.communicate(timeout=PATIENCE)
    assert watched.returncode == 0
    assert "its session is gone without a word; `nightlab run` goes on from there" in out


def test_watching_goes_over_to_the_campaign_that_is_begun(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s", QUICK).folder
    said_by(folder, "run", "--trials", "0", "--tag", "one")
    watched = start(folder, "status", "--watch", "--every", "0.1")
    assert watched.stdout is not None
    while "no session is running" not in watched.stdout.readline():
        assert watched.poll() is None
    (folder / "program.md").write_text(slow_call(QUICK))
    said_by(folder, "run", "--new", "--trials", "3", "--tag", "two")
    out, _ = watched.communicate(timeout=PATIENCE)
    assert "two: stopped (3 trials are done)" in out


def slow_call(program: str) -> str:
    return program.replace("seeds: [1, 2, 3]", "seeds: [1, 2, 3]\n  timeout: 100 s")
