"""Kill it, interrupt it, start it twice: nothing is lost, nothing doubled, nothing left behind."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import COMMAND_PROGRAM, TRAIN, command_study, git

from nightlab.remember.tsv import parse_rows
from nightlab.study import open_study


def slow(seconds: float) -> str:
    """A training script that takes this long."""
    return TRAIN.replace('float(os.environ.get("TOY_SLEEP", "0"))', str(seconds))


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nightlab", "run", *words],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def until(condition: Callable[[], bool], what: str, patience: float = 30.0) -> None:
    give_up = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < give_up, f"waited in vain until {what}"
        time.sleep(0.01)


def events(folder: Path, kind: str) -> list[dict]:
    path = folder / ".git" / "nightlab" / "ledger.db"
    if not path.exists():
        return []
    try:
        db = sqlite3.connect(path)
        rows = db.execute("SELECT body FROM events WHERE kind = ? ORDER BY id", (kind,)).fetchall()
    except sqlite3.OperationalError:
        return []
    return [json.loads(body) for (body,) in rows]


def processes_of(folder: Path) -> list[int]:
    """Processes that work for this study: its runs bear its scratch folder as current folder."""
    scratch = str(open_study(folder).rooms.scratch)
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str((entry / "cwd").readlink()).startswith(scratch):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def check_whole(folder: Path) -> None:
    """What must hold after any end, once the last session has ended by itself."""
    study = open_study(folder)
    campaign = study.campaign(study.pick())
    record = campaign.state
    assert [t.number for t in record.trials] == list(range(1, len(record.trials) + 1))
    assert record.open == {} and record.run_trial == {}
    runs = [run["run"] for run in events(folder, "run_started")]
    assert runs == sorted(set(runs))
    ended = [run["run"] for run in events(folder, "run_ended")]
    assert sorted(ended) == runs, "each run ends exactly once"
    settled = [event["trial"] for event in events(folder, "trial_settled")]
    assert sorted(settled) == sorted(set(settled)) == [t.number for t in record.trials]
    _, rows = parse_rows(study.results.read_text())
    wanted = [record.baseline, *(record.trial(number) for number in record.order)]
    assert [row.commit for row in rows] == [trial.commit[:7] for trial in wanted]
    tip = git(folder, "rev-parse", campaign.branch)
    assert tip == campaign.history.incumbent.commit
    for trial in record.trials:
        assert git(folder, "rev-parse", f"refs/nightlab/{campaign.tag}/{trial.number}")
    git(folder, "fsck", "--strict")
    assert processes_of(folder) == []
    assert not study.rooms.scratch.exists()
    assert git(folder, "status", "--porcelain") == ""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_instant_it_goes_on(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    program = COMMAND_PROGRAM.replace("seeds: [1, 2]", f"seeds: [1, 2]\n  parallel: {seed}")
    folder = command_study(tmp_path / "s", program, slow(0.02)).folder
    for _ in range(12):
        process = start(folder, "--trials", "1000")
        time.sleep(chance.uniform(0.15, 1.8))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    until(lambda: not processes_of(folder), "the killed runs are gone", 5)
    last = start(folder, "--trials", "2")
    out, err = last.communicate(timeout=60)
    assert last.returncode == 0, out + err
    check_whole(folder)
    assert len(events(folder, "trial_settled")) > 2


def in_flight(folder: Path, trial: int) -> bool:
    return any(run["trial"] == trial for run in events(folder, "run_started"))


def test_killed_in_the_middle_of_a_trial_no_process_outlives_it(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", train=slow(60.0)).folder
    process = start(folder)
    until(lambda: bool(processes_of(folder)), "a run is in flight")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    until(lambda: not processes_of(folder), "the run is gone", 5)


def test_interrupted_once_it_ends_cleanly(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", train=slow(0.5)).folder
    process = start(folder)
    until(lambda: in_flight(folder, 1), "trial 1 runs")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 8
    assert process.returncode == 130, err
    assert "stopped: interrupted by SIGINT" in out
    assert events(folder, "run_ended")[-1]["outcome"] == "interrupted"
    assert events(folder, "session_ended")[-1] == {"why": "interrupted by SIGINT"}
    assert processes_of(folder) == []
    goes_on = start(folder, "--trials", "1")
    goes_on.communicate(timeout=60)
    check_whole(folder)


def test_interrupted_twice_it_ends_at_once(tmp_path: Path) -> None:
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + slow(0.0).replace(
        "time.sleep(0.0)", "print('ready', flush=True); time.sleep(60)"
    )
    folder = command_study(tmp_path / "s", train=stubborn).folder
    process = start(folder)
    logs = folder / ".git" / "nightlab" / "logs"
    until(lambda: any("ready" in p.read_text() for p in logs.rglob("*.log")), "a run is ready")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 3
    assert process.returncode == 130
    assert "stopped at once" in err and "Traceback" not in err
    until(lambda: not processes_of(folder), "the run is gone", 5)
    assert open_study(folder).running() is None


def test_the_second_of_two_runs_is_refused_naming_the_first(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", train=slow(5.0)).folder
    first = start(folder, "--tag", "one")
    try:
        until(lambda: bool(events(folder, "run_started")), "the first is at work")
        second = start(folder)
        _, err = second.communicate(timeout=30)
        assert second.returncode == 1
        assert re.search(rf"campaign one is already running since .*process {first.pid}", err)
        status = subprocess.run(
            [sys.executable, "-m", "nightlab", "status", "--json"],
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert json.loads(status.stdout)["state"] == "running"
    finally:
        first.kill()
        first.communicate()


def test_two_at_a_time_really_overlap(tmp_path: Path) -> None:
    program = COMMAND_PROGRAM.replace("seeds: [1, 2]", "seeds: [1, 2]\n  parallel: 2")
    folder = command_study(tmp_path / "s", program, slow(0.6)).folder
    process = start(folder, "--trials", "3")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    check_whole(folder)
    db = sqlite3.connect(folder / ".git" / "nightlab" / "ledger.db")
    at = dict(
        db.execute("SELECT json_extract(body, '$.run'), at FROM events WHERE kind='run_started'")
    )
    end = dict(
        db.execute("SELECT json_extract(body, '$.run'), at FROM events WHERE kind='run_ended'")
    )
    assert any(at[a] < at[b] < end[a] for a in at for b in at if a != b)


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """A limit on file size stands for a full disk: writes fail in the middle of a session."""
    folder = command_study(tmp_path / "s").folder
    start(folder, "--trials", "1").communicate(timeout=60)
    before = len(events(folder, "trial_settled"))
    size = (folder / ".git" / "nightlab" / "ledger.db").stat().st_size
    limited = (
        f"ulimit -f {max(1, size // 1024 // 2)}; exec {sys.executable} -m nightlab run --trials 40"
    )
    process = subprocess.run(
        ["/bin/bash", "-c", limited], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert process.returncode != 0
    assert "Traceback" not in process.stderr, process.stderr
    last = start(folder, "--trials", "2")
    out, err = last.communicate(timeout=60)
    assert last.returncode == 0, out + err
    check_whole(folder)
    assert len(events(folder, "trial_settled")) >= before + 2
