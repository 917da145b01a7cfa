"""A tuning from its command line to its end, in every way that it may be stopped on the way."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import git
from governance.tuning import User, lay_python, real_simulator, strict
from ruamel.yaml import YAML

from nightlab.study import open_study

pytestmark = pytest.mark.xdist_group("governance")

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
