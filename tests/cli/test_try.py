"""`nightlab try`: the edits in the checkout, measured; the checkout left alone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli.test_cli import error, nightlab
from fakes import CALL_PROGRAM, COMMAND_PROGRAM, TRAIN, call_study, command_study, git

from nightlab.study import open_study

SLOW = TRAIN.replace('float(os.environ.get("TOY_SLEEP", "0"))', "1.0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return command_study(tmp_path / "s").folder


def put(folder: Path, value: float, text: str = TRAIN) -> None:
    (folder / "train.py").write_text(text.replace("X = 0.5", f"X = {value}"))


def test_an_edit_is_measured_and_the_checkout_left_alone(folder: Path) -> None:
    put(folder, 0.9)
    head, status = git(folder, "rev-parse", "HEAD"), git(folder, "status", "--porcelain")
    said = nightlab(folder, "try", "-m", "nearer", "--hypothesis", "the bottom is at 1").stdout
    assert "baseline seed 1" in said and "trial 1: nearer [human]" in said
    assert "hypothesis: the bottom is at 1" in said and "verdict: keep" in said
    assert "confirming" not in said
    assert git(folder, "rev-parse", "HEAD") == head
    assert git(folder, "status", "--porcelain") == status
    campaign = open_study(folder).campaign(open_study(folder).pick())
    assert git(folder, "show", f"{campaign.branch}:train.py") == (
        (folder / "train.py").read_text().strip()
    )


def test_json_is_one_document_and_tells_the_idea(folder: Path) -> None:
    put(folder, 3.0)
    told = json.loads(nightlab(folder, "try", "-m", "far", "--by", "me", "--json").stdout)
    assert (told["trial"], told["verdict"], told["emitter"]) == (1, "discard", "me")
    assert told["idea"] == 1 and "+X = 3.0" in told["diff"]


def test_an_edit_goes_on_top_of_the_best_by_a_three_way_merge(folder: Path) -> None:
    put(folder, 0.9)
    nightlab(folder, "try", "-m", "nearer")
    git(folder, "checkout", "train.py")
    text = (folder / "train.py").read_text().replace("gauss(0, 0.01)", "gauss(0, 0.005)")
    (folder / "train.py").write_text(text)
    told = json.loads(nightlab(folder, "try", "-m", "calmer", "--json").stdout)
    assert "gauss(0, 0.005)" in told["diff"] and "X =" not in told["diff"].replace(" X = 0.9", "")
    (folder / "train.py").write_text(TRAIN.replace("X = 0.5", "X = 0.5\nZ = 1"))
    assert "changed the same place" in error(folder, "try", "-m", "clash")


def test_what_cannot_be_tried_is_said_in_one_line(folder: Path) -> None:
    assert "nothing to try: edit train.py first" in error(folder, "try", "-m", "nothing")
    (folder / "notes.txt").write_text("mine\n")
    git(folder, "add", "notes.txt")
    git(folder, "commit", "-qm", "notes")
    (folder / "notes.txt").write_text("changed\n")
    put(folder, 0.9)
    said = error(folder, "try", "-m", "astray")
    assert "notes.txt was edited, and is outside what may change" in said
    git(folder, "checkout", "notes.txt")
    (folder / "train.py").write_text("print(((")
    assert "does not compile" in error(folder, "try", "-m", "broken")
    (folder / "train.py").write_bytes(b"\xff\xfe\x00")
    assert "no text in UTF-8" in error(folder, "try", "-m", "bytes")
    assert json.loads(nightlab(folder, "status", "--json").stdout)["trials"] == 0


def test_the_same_edit_twice_is_refused(folder: Path) -> None:
    put(folder, 3.0)
    nightlab(folder, "try", "-m", "far")
    assert "already tried: trial 1 is the same" in error(folder, "try", "-m", "far again")


def test_a_crash_is_told_with_its_reason(folder: Path) -> None:
    (folder / "train.py").write_text(TRAIN.replace("time.sleep", "tyme.sleep"))
    said = nightlab(folder, "try", "-m", "slip").stdout
    assert "verdict: crash" in said and "NameError" in said


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nightlab", *words],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def until_running(folder: Path) -> None:
    give_up = time.monotonic() + 30
    study = open_study(folder)
    while study.running() is None or not study.tags():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_a_running_session_takes_it_up(tmp_path: Path) -> None:
    slow = TRAIN.replace('float(os.environ.get("TOY_SLEEP", "0"))', "0.3")
    folder = command_study(tmp_path / "s", train=slow).folder
    session = start(folder, "run", "--trials", "6")
    try:
        until_running(folder)
        put(folder, 0.9, slow)
        done = nightlab(folder, "try", "-m", "nearer", "--json")
        told = json.loads(done.stdout)
        assert told["emitter"] == "human" and told["verdict"] in ("keep", "discard")
        assert "is at work: it tries this next" in done.stderr
        assert session.wait(timeout=60) == 0
    finally:
        session.kill()
        session.communicate()


def test_interrupted_it_is_taken_back_or_goes_on(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", train=SLOW).folder
    put(folder, 0.9, SLOW)
    trying = start(folder, "try", "-m", "nearer")
    until_running(folder)
    time.sleep(0.3)
    trying.send_signal(signal.SIGINT)
    _, said = trying.communicate(timeout=30)
    assert trying.returncode == 1 and len(said.strip().splitlines()) == 1
    ideas = json.loads(nightlab(folder, "idea", "--list", "--json").stdout)["ideas"]
    assert [idea["waiting"] for idea in ideas] == [False]


def test_killed_in_the_middle_nothing_is_lost(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", train=SLOW).folder
    nightlab(folder, "run", "--trials", "0")
    put(folder, 0.9, SLOW)
    trying = start(folder, "try", "-m", "nearer")
    study = open_study(folder)
    give_up = time.monotonic() + 30
    while not study.campaign(study.pick()).state.opened:
        assert time.monotonic() < give_up
        time.sleep(0.02)
    trying.kill()
    trying.communicate()
    nightlab(folder, "run", "--trials", "0")
    campaign = study.campaign(study.pick())
    assert campaign.state.settled == 1 and campaign.history.trials[0].wish == 1


def test_an_edited_value_of_a_keys_file_is_a_move_of_its_parameter(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    (folder / "p.yaml").write_text("x: 3.0  # first\ny: 0.0\n")
    told = json.loads(nightlab(folder, "try", "-m", "the bottom", "--json").stdout)
    assert (told["moved"], told["verdict"]) == ({"x": 3.0}, "keep")
    (folder / "p.yaml").write_text("x: 0.0  # first\ny: 0.0\nz: 1.0\n")
    assert "may only be changed through its parameters" in error(folder, "try", "-m", "more")
    (folder / "p.yaml").write_text("x: 99.0  # first\ny: 0.0\n")
    assert "p.yaml: x = 99.0 is outside float -5 to 5" in error(folder, "try", "-m", "far")
    (folder / "p.yaml").write_text("x: [\n")
    assert "p.yaml" in error(folder, "try", "-m", "broken")
    (folder / "p.yaml").unlink()
    assert "p.yaml" in error(folder, "try", "-m", "gone")


def test_what_is_pinned_is_not_tried(tmp_path: Path) -> None:
    program = CALL_PROGRAM.replace("propose:", "  pinned: [x]\npropose:")
    folder = call_study(tmp_path / "s", program).folder
    (folder / "p.yaml").write_text("x: 3.0  # first\ny: 0.0\n")
    assert "x is no parameter that may move" in error(folder, "try", "-m", "pinned")


def test_neighbouring_values_are_not_in_each_others_way(tmp_path: Path) -> None:
    """As text they would be: every constant of a block has neighbours."""
    train = TRAIN.replace("X = 0.5\n", "X = 0.5\nY = 0.5\n").replace(
        "(X - 1) ** 2", "(X - 1) ** 2 + (Y - 1) ** 2"
    )
    program = COMMAND_PROGRAM.replace(
        "    X: {", "    Y: {type: float, low: -5, high: 5}\n    X: {"
    )
    folder = command_study(tmp_path / "s", program, train).folder
    (folder / "train.py").write_text(train.replace("X = 0.5", "X = 0.9"))
    nightlab(folder, "try", "-m", "X")
    (folder / "train.py").write_text(train.replace("Y = 0.5", "Y = 0.9"))
    told = json.loads(nightlab(folder, "try", "-m", "Y", "--json").stdout)
    assert (told["verdict"], told["moved"]) == ("keep", {"Y": 0.9})
    assert (told["parameters"]["X"], told["parameters"]["Y"]) == (0.9, 0.9)
    both = train.replace("Y = 0.5", "Y = 0.95").replace("gauss(0, 0.01)", "gauss(0, 0.009)")
    (folder / "train.py").write_text(both)
    told = json.loads(nightlab(folder, "try", "-m", "both", "--json").stdout)
    assert told["moved"] == {"Y": 0.95} and "gauss(0, 0.009)" in told["diff"]
    (folder / "train.py").write_text(train.replace("X = 0.5", "X = 99.0"))
    assert "changed the same place" in error(folder, "try", "-m", "beyond")


def test_line_ends_stay_as_they_are(tmp_path: Path) -> None:
    train = TRAIN.replace("\n", "\r\n")
    folder = command_study(tmp_path / "s").folder
    (folder / "train.py").write_bytes(train.encode())
    git(folder, "commit", "-qam", "crlf")
    edited = train.replace("gauss(0, 0.01)", "gauss(0, 0.005)").encode()
    (folder / "train.py").write_bytes(edited)
    told = json.loads(nightlab(folder, "try", "-m", "calmer", "--json").stdout)
    changed = [line for line in told["diff"].splitlines() if line[:1] in "+-"]
    assert len([line for line in changed if not line.startswith(("+++", "---"))]) == 2
    shown = subprocess.run(
        ["git", "show", f"{told['commit']}:train.py"], cwd=folder, capture_output=True, check=True
    )
    assert shown.stdout == edited


def test_a_message_that_says_nothing_and_a_baseline_that_fails(folder: Path) -> None:
    put(folder, 0.9)
    assert "say what the edit does" in error(folder, "try", "-m", " ")
    (folder / "train.py").write_text(TRAIN.replace("time.sleep", "tyme.sleep"))
    git(folder, "commit", "-qam", "broken")
    (folder / "train.py").write_text(TRAIN.replace("time.sleep", "time.slip"))
    for _ in range(4):
        assert "the baseline does not run" in error(folder, "try", "-m", "other")
    ideas = json.loads(nightlab(folder, "idea", "--list", "--json").stdout)["ideas"]
    assert all("the baseline does not run" in idea["why"] for idea in ideas)
