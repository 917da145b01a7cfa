"""A tuning from its command line to its end, in every way that it may be stopped on the way."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import git
from governance.tuning import MARKET, OBJECTIVE, User, lay_python, real_simulator, strict
from ruamel.yaml import YAML

from nightlab.governance.mutation import TOGGLES, TUNABLES
from nightlab.study import open_study

LINE = re.compile(
    r"\[autoresearch\] iter=(\d{3}) (\w+): (\S+) -> (\S+)(, .*)? candidate=(-?\d+\.\d{6}|none)"
    r" accepted=(yes|no) \((.*)\)"
)
LEDGER = (
    "started_at", "objective", "scenario", "seeds", "baseline", "iterations", "best", "finished_at",
)  # fmt: skip
RECORD = ("iteration", "mutation", "candidate_metrics", "accepted", "guardrail_errors")
ALWAYS = ("toxicity_rate", "quality_gap", "total_welfare", "avg_payoff")
REAL = "the simulator itself (swarm-safety) is not installed"


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_python(tmp_path_factory.mktemp("python") / "v")


@pytest.fixture
def user(tmp_path: Path, fake: Path) -> User:
    return User.at(tmp_path, fake)


def until(condition: Callable[[], bool], what: str, patience: float = 60.0) -> None:
    give_up = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < give_up, f"waited in vain until {what}"
        time.sleep(0.01)


def processes_in(folder: Path) -> list[int]:
    """Processes that bear the folder on their command line, or work in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
            place = str((entry / "cwd").readlink())
        except OSError:
            continue
        if int(entry.name) != os.getpid() and (str(folder) in words or str(folder) in place):
            found.append(int(entry.name))
    return found


def check_whole(user: User, iterations: int) -> dict[str, Any]:
    """What holds of a tuning that ended by itself, however often it was broken off before."""
    ledger = user.summary()
    assert tuple(ledger)[: len(LEDGER)] == LEDGER
    assert ledger["finished_at"] > ledger["started_at"]
    assert [each["iteration"] for each in ledger["iterations"]] == list(range(1, iterations + 1))
    for record in ledger["iterations"]:
        assert tuple(record)[: len(RECORD)] == RECORD
        place = user.root / "iterations" / f"{record['iteration']:03d}"
        assert strict(place / "result.json").items() >= record.items()
        assert (place / "run.yaml").exists() is record["accepted"]
        assert next(csv.reader((place / "epochs.csv").open()))[:2] == ["seed", "scenario"]
    study = open_study(user.root / "study")
    campaign = study.campaign(study.pick())
    trials = campaign.state.trials
    campaign.ledger.close()
    assert [trial.number for trial in trials] == list(range(1, iterations + 1))
    assert all(trial.verdict for trial in trials)
    git(user.root / "study", "fsck", "--strict")
    assert processes_in(user.folder) == []
    return ledger


# -- the seed's command line -------------------------------------------------------------------


def check_seeds_command_line(user: User, scenario: str, *words: str) -> dict[str, Any]:
    before = user.files()
    done = user.type(
        "tune", "--objective", "objective.yaml", "--scenario", scenario, "--iterations", "8",
        "--eval-epochs", "3", "--eval-steps", "5", "--seeds", "7,11,19", "--export-root",
        "runs", "--random-seed", "7", "--confirm", "4", *words,
    )  # fmt: skip
    assert user.files() == before, "scenario, objective and whatever else is there stay as they are"
    lines = done.stdout.splitlines()
    assert lines[:2] == ["[autoresearch] baseline:", "  metric=toxicity_rate"]
    assert re.fullmatch(r"  value=\d+\.\d{6}", lines[2])
    assert lines[-1] == "[autoresearch] wrote runs/summary.json"
    ledger = check_whole(user, 8)
    told = [match for match in map(LINE.fullmatch, lines) if match]
    told.sort(key=lambda match: int(match[1]))  # of two at work at once, either may end first
    assert len(told) == 8
    for match, record in zip(told, ledger["iterations"], strict=True):
        number, lever, old, new, also, value, accepted, _ = match.groups()
        assert int(number) == record["iteration"]
        assert record["mutation"].items() >= {"param": lever}.items()
        assert (str(record["mutation"]["old"]), str(record["mutation"]["new"])) == (old, new)
        assert bool(also) is ("also" in record["mutation"])
        assert float(value) == pytest.approx(record["candidate_metrics"]["toxicity_rate"], abs=1e-6)
        assert (accepted == "yes") is record["accepted"]
        assert {*ALWAYS, "accepted_interactions"} <= record["candidate_metrics"].keys()
        assert record["candidate_metrics"]["illusion_delta"] is None, "absent, and not zero"
    assert ledger["seeds"] == [7, 11, 19] and ledger["scenario"] == scenario
    assert ledger["objective"]["guardrails"][0]["max_regression"] is None, "no Infinity"
    assert float(lines[2].partition("=")[2]) == pytest.approx(
        ledger["baseline"]["toxicity_rate"], abs=1e-6
    )
    return ledger


def check_same_numbers(user: User, scenario: str, ledger: dict[str, Any]) -> None:
    """A run by itself has the numbers of the loop: of the baseline, seed by seed, and of best."""
    alone = [
        json.loads(user.type("run", scenario, *HORIZON, "--seed", str(seed), "--json").stdout)
        for seed in (7, 11, 19)
    ]
    for name in ALWAYS:
        mean = sum(each["metrics"][name] for each in alone) / 3
        assert ledger["baseline"][name] == pytest.approx(mean, abs=1e-12)
    accepted = [each for each in ledger["iterations"] if each["accepted"]]
    for record in accepted:
        result = strict(user.root / "iterations" / f"{record['iteration']:03d}" / "result.json")
        assert {run["seed"] for run in result["runs"]} >= {7, 11, 19}


HORIZON = ("--epochs", "3", "--steps", "5")


def levers_of(path: Path) -> dict[str, Any]:
    return dict(YAML(typ="safe").load(path)["governance"])


def test_the_seeds_command_line_from_end_to_end(user: User) -> None:
    ledger = check_seeds_command_line(user, "market.yaml")
    check_same_numbers(user, "market.yaml", ledger)
    assert any(each["accepted"] for each in ledger["iterations"])
    assert ledger["best"]["toxicity_rate"] < ledger["baseline"]["toxicity_rate"]
    best = user.root / "best.yaml"
    assert "# who deals\n" in best.read_text(), "comments are kept"
    levers = ledger["nightlab"]["ablation"]["levers"]
    assert levers and levers_of(best).items() >= levers.items()
    assert "on 4 fresh seeds" in (user.root / "report.md").read_text()
    user.type("run", "runs/best.yaml", *HORIZON, "--seed", "7", "--quiet")


@pytest.mark.skipif(not real_simulator(), reason=REAL)
def test_the_seeds_command_line_on_the_simulator_itself(tmp_path: Path) -> None:
    user = User.at(tmp_path, Path(sys.executable))
    lab = Path(open_study.__code__.co_filename).parent / "labs" / "governance"
    scenario = user.folder / "baseline.yaml"
    scenario.write_bytes((lab / "scenarios" / "baseline.yaml").read_bytes())
    ledger = check_seeds_command_line(user, "baseline.yaml")
    check_same_numbers(user, "baseline.yaml", ledger)
    check_upstreams_numbers(user, "baseline.yaml")


def check_upstreams_numbers(user: User, scenario: str) -> None:
    """`python -m swarm run` says the same of a seed; its file has welfare by another definition."""
    done = subprocess.run(
        [str(user.python), "-m", "swarm", "run", scenario, *HORIZON, "--seed", "7",
         "--export-json", "upstream.json"],
        cwd=user.folder, env=user.environment(), check=True, timeout=120, capture_output=True,
        text=True,
    )  # fmt: skip
    upstream = strict(user.folder / "upstream.json")["epoch_snapshots"]
    user.type("run", scenario, *HORIZON, "--seed", "7", "--export-json", "ours.json", "-q")
    ours = strict(user.folder / "ours.json")["rows"]
    assert len(upstream) == len(ours) == 3
    for row, own in zip(upstream, ours, strict=True):
        for name in ("total_interactions", "accepted_interactions", "toxicity_rate", "quality_gap"):
            assert own[name] == pytest.approx(row[name], abs=1e-12)
        assert f" {own['total_welfare']:.2f} " in done.stdout


# -- broken off --------------------------------------------------------------------------------

LONG = ("--iterations", "20", "--parallel", "1", "--validate", "0")


def stopped_at(user: User, line: str, number: signal.Signals) -> tuple[int, str]:
    """A tuning that gets a signal as soon as it prints a line like this. How it ended."""
    process = user.start(*LONG)
    assert process.stdout
    said = next((each for each in process.stdout if re.search(line, each)), "")
    assert said, process.communicate()
    process.send_signal(number)
    _, complaint = process.communicate(timeout=60)
    assert "Traceback" not in complaint
    return process.returncode, complaint


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_broken_off_in_iteration_12_of_20_it_goes_on(user: User, number: signal.Signals) -> None:
    code, complaint = stopped_at(user, r"iter=011 ", number)
    if number is signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == 130
        assert complaint.splitlines()[-1].endswith("the same command goes on from here")
    until(lambda: not processes_in(user.folder), "no process is left", 10)
    before = user.summary()
    settled = before["iterations"]
    assert 11 <= len(settled) < 20 and before["finished_at"] is None
    said = user.tune(*LONG).stdout
    first = re.search(r"iter=(\d+)", said)
    assert first and int(first[1]) in (len(settled), len(settled) + 1)
    after = check_whole(user, 20)
    assert after["iterations"][: len(settled)] == settled, "what was settled stays as it was"
    assert after["started_at"] == before["started_at"]


def test_killed_at_any_instant_it_ends_whole(user: User) -> None:
    chance = random.Random(20)
    for _ in range(4):
        process = user.start(*LONG)
        time.sleep(chance.uniform(0.3, 4.0))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        if (user.root / "summary.json").exists():
            user.summary()
    until(lambda: not processes_in(user.folder), "no process is left", 30)
    user.tune(*LONG)
    check_whole(user, 20)
    assert not list(user.root.glob(".laying-*"))


def test_killed_in_the_look_back_the_next_call_finishes_it(user: User) -> None:
    code, _ = stopped_at(user, r"iter=020 ", signal.SIGKILL)
    assert code == -signal.SIGKILL and user.summary()["finished_at"] is None
    done = user.tune(*LONG)
    assert "20 iterations are done" in done.stderr and "iter=" not in done.stdout
    check_whole(user, 20)
    assert (user.root / "report.md").exists()


def test_interrupted_in_the_look_back_it_ends_at_once(user: User) -> None:
    code, complaint = stopped_at(user, r"iter=020 ", signal.SIGINT)
    assert code == 130 and "the same command goes on from here" in complaint
    assert user.summary()["finished_at"] is None
    assert processes_in(user.folder) == []


def test_interrupted_before_the_search_nothing_is_begun(user: User) -> None:
    process = user.start(*LONG)
    until(lambda: "levers" in commands_below(process.pid), "it looks for levers")
    process.send_signal(signal.SIGTERM)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in complaint
    assert not user.root.exists() and processes_in(user.folder) == []


def commands_below(pid: int) -> str:
    """The command lines of a process's children, whichever of its threads started them."""
    try:
        threads = Path(f"/proc/{pid}/task").iterdir()
        children = [each for t in threads for each in (t / "children").read_text().split()]
        return " ".join(Path(f"/proc/{child}/cmdline").read_text() for child in children)
    except OSError:
        return ""


# -- asked again -------------------------------------------------------------------------------


def moves(ledger: dict[str, Any]) -> list[dict[str, Any]]:
    return [each["mutation"] for each in ledger["iterations"]]


def test_more_iterations_go_on_and_another_question_is_refused(user: User) -> None:
    user.tune("--iterations", "2")
    first = user.summary()
    user.tune("--iterations", "4")
    ledger = check_whole(user, 4)
    assert ledger["iterations"][:2] == first["iterations"]
    (user.folder / "other.yaml").write_text(OBJECTIVE.replace("0.005", "0.01"))
    (user.folder / "world.yaml").write_text(MARKET.replace("count: 4", "count: 5"))
    for option, value in (
        ("--random-seed", "43"),
        ("--objective", "other.yaml"),
        ("--scenario", "world.yaml"),
        ("--pin", "bandwidth_cap"),
    ):
        said = user.error("--iterations", "4", option, value)
        assert f"another {option};" in said and "--new" in said
    assert user.summary() == ledger, "what was refused wrote nothing"
    done = user.tune("--iterations", "1", "--random-seed", "43", "--new")
    assert "what was here lies in runs/before-1" in done.stderr
    assert strict(user.root / "before-1" / "summary.json") == ledger
    check_whole(user, 1)


def test_the_same_random_seed_proposes_the_same(user: User) -> None:
    one, same, other = (
        User(user.python, user.folder / name, user.home) for name in ("one", "same", "other")
    )
    told = []
    for each, seed in ((one, "5"), (same, "5"), (other, "6")):
        each.folder.mkdir()
        for name in ("market.yaml", "objective.yaml"):
            (each.folder / name).write_bytes((user.folder / name).read_bytes())
        each.type(
            "tune",
            "--objective",
            "objective.yaml",
            "--scenario",
            "market.yaml",
            "--export-root",
            "runs",
            "--iterations",
            "5",
            "--random-seed",
            seed,
            "--confirm",
            "0",
            "--parallel",
            "2",
        )
        told.append(each.summary())
    assert moves(told[0]) == moves(told[1]) != moves(told[2])
    assert [each["iterations"] for each in told[:2]] == [told[0]["iterations"]] * 2


def test_upstreams_own_move_is_one_of_its_eight_levers_by_a_step(user: User) -> None:
    on = "\n  ".join(f"{toggle}: true" for toggle in TOGGLES)
    (user.folder / "on.yaml").write_text(MARKET.replace("audit_enabled: false", on))
    words = ("--scenario", "on.yaml", "--propose", "seed", "--levers", "seed", "--keep", "any")
    user.tune("--iterations", "8", *words)
    ledger = check_whole(user, 8)
    for move in moves(ledger):
        assert "also" not in move and move["param"] in (*TUNABLES, *TOGGLES)
        if move["param"] in TUNABLES:
            low, high, step = TUNABLES[move["param"]]
            assert abs(move["new"] - move["old"]) == pytest.approx(step, abs=1e-6)
            assert low <= move["new"] <= high
        else:
            assert move["new"] is not move["old"]
    space = open_study(user.root / "study").settings.change.space
    assert {name.removeprefix("governance.") for name in space} == {*TUNABLES, *TOGGLES}
    assert levers_of(user.folder / "on.yaml")["transaction_tax_rate"] == 0.02


# -- in a repository of the user's --------------------------------------------------------------


def test_the_ledger_alone_is_committed_and_why_not_is_told(user: User) -> None:
    git(user.folder, "init", "-q", "-b", "main")
    git(user.folder, "add", "market.yaml", "objective.yaml")
    git(user.folder, "commit", "-qm", "start")
    (user.folder / "staged.txt").write_text("mine")
    git(user.folder, "add", "staged.txt")
    git(user.folder, "config", "user.name", "u")
    git(user.folder, "config", "user.email", "u@example.org")
    said = user.tune("--iterations", "1", "--auto-commit").stdout.splitlines()
    tip = git(user.folder, "rev-parse", "--short", "HEAD")
    assert said[-1] == f"[autoresearch] committed runs/summary.json ({tip})"
    message = git(user.folder, "log", "-1", "--format=%s")
    assert message == "autoresearch: optimize toxicity_rate on market.yaml"
    assert git(user.folder, "show", "--format=", "--name-only", "HEAD") == "runs/summary.json"
    assert git(user.folder, "diff", "--cached", "--name-only") == "staged.txt"
    assert git(user.folder, "branch", "--format=%(refname:short)") == "main"
    again = user.tune("--iterations", "1", "--auto-commit").stdout.splitlines()
    assert again[-1] == "[autoresearch] runs/summary.json is committed already"
    (user.folder / ".gitignore").write_text("runs/\n")
    git(user.folder, "rm", "-q", "--cached", "runs/summary.json")
    before = (user.root / "summary.json").read_bytes()
    assert user.error("--iterations", "2", "--auto-commit").startswith(
        "summary.json could not be committed at the end: git ignores it, by"
    )
    assert (user.root / "summary.json").read_bytes() == before, "it is said before the search"
    assert git(user.folder, "rev-parse", "--short", "HEAD") == tip
    check_whole(user, 1)


# -- a family -----------------------------------------------------------------------------------


@pytest.mark.parametrize("combine", ["mean", "worst"])
def test_a_family_is_tuned_together(user: User, combine: str) -> None:
    calm = MARKET.replace("scenario_id: market", "scenario_id: calm").replace(
        "adversarial, count: 2", "adversarial, count: 0"
    )
    (user.folder / "calm.yaml").write_text(calm)
    user.tune("--scenario", "market.yaml", "--scenario", "calm.yaml", "--combine", combine)
    ledger = check_whole(user, 3)
    result = strict(user.root / "iterations" / "001" / "result.json")
    for run in result["runs"]:
        metrics = run["metrics"]
        each = [metrics["market.toxicity_rate"], metrics["calm.toxicity_rate"]]
        expected = max(each) if combine == "worst" else sum(each) / 2
        assert metrics["toxicity_rate"] == pytest.approx(expected)
    alone = [
        json.loads(user.type("run", name, *HORIZON, "--seed", "7", "--json").stdout)["metrics"]
        for name in ("market.yaml", "calm.yaml")
    ]
    assert alone[0]["toxicity_rate"] != alone[1]["toxicity_rate"]
    assert ledger["baseline"]["toxicity_rate"] is not None
