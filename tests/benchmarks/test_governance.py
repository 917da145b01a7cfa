"""The benchmark of tunings: what ledgers say is read right, and its figures are."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import tunings
from governance.tuning import lay_python
from tunings import Failed, Tuned, Way, read_upstream

HERE = Path(__file__).parent
BENCHMARKS = HERE.parents[1] / "benchmarks"
MARKET = """\
scenario_id: market
agents:
  - {type: honest, count: 4}
  - {type: opportunistic, count: 2}
  - {type: deceptive, count: 2}
  - {type: adversarial, count: 2}
governance:
  audit_enabled: false
  transaction_tax_rate: 0.1
"""


def _load() -> Any:
    """The script by its path: `governance` is the name of tests of ours too."""
    spec = importlib.util.spec_from_file_location(
        "benchmark_of_governance", BENCHMARKS / "governance.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


benchmark = _load()


@pytest.fixture
def market(tmp_path: Path) -> Path:
    path = tmp_path / "market.yaml"
    path.write_text(MARKET)
    return path


def record(number: int, param: str, old: Any, new: Any, accepted: bool) -> dict[str, Any]:
    return {
        "iteration": number,
        "mutation": {"param": param, "old": old, "new": new},
        "candidate_metrics": {"toxicity_rate": 0.3},
        "accepted": accepted,
        "guardrail_errors": [],
    }


# -- ledgers -------------------------------------------------------------------------------------


def test_upstreams_best_is_rebuilt_from_what_it_accepted(tmp_path: Path, market: Path) -> None:
    moves = [
        record(1, "transaction_tax_rate", 0.1, 0.12, False),
        record(2, "audit_enabled", False, True, True),
        record(3, "transaction_tax_rate", 0.1, 0.12, True),
        record(4, "transaction_tax_rate", 0.12, 0.14, False),
        record(5, "transaction_tax_rate", 0.12, 0.1, False),  # iteration 2 once more
        record(6, "transaction_tax_rate", 0.12, 0.14, False),  # iteration 4 once more
        record(7, "audit_enabled", True, False, False),  # iteration 1 once more
    ]
    ledger = {
        "started_at": "2026-11-21T03:00:00+00:00",
        "finished_at": "2026-11-21T03:00:02.500000+00:00",
        "seeds": [7, 11, 19],
        "iterations": moves,
    }
    (tmp_path / "summary.json").write_text(json.dumps(ledger))
    done = read_upstream(tmp_path, market, seconds=4.0)
    assert done.governance == {"audit_enabled": True, "transaction_tax_rate": 0.12}
    assert (done.ideas, done.repeats, done.runs, done.kept) == (7, 3, 21, 2)
    assert (done.loop, done.seconds) == (2.5, 4.0)


def test_a_step_back_to_the_beginning_is_a_repeat(tmp_path: Path, market: Path) -> None:
    moves = [
        record(1, "audit_enabled", False, True, True),
        record(2, "audit_enabled", True, False, True),
    ]
    ledger = {"started_at": "2026-11-21", "finished_at": "2026-11-22", "seeds": [7]}
    (tmp_path / "summary.json").write_text(json.dumps({**ledger, "iterations": moves}))
    done = read_upstream(tmp_path, market, seconds=1.0)
    assert done.repeats == 1
    assert done.governance["audit_enabled"] is False


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(Failed, match="no market today"):
        tunings.run([sys.executable, "-c", "raise SystemExit('no market today')"])


# -- the figures ---------------------------------------------------------------------------------


def speed(way: str, repeat: int, loop: float, **changes: Any) -> Any:
    """A command of 100 ideas with three evaluations each."""
    usual = {"scenario": "a", "seconds": loop + 1, "ideas": 100, "repeats": 80, "runs": 300}
    return benchmark.Speed(**{**usual, "way": way, "repeat": repeat, "loop": loop, **changes})


NONE = {"remembered": None}


def test_speeds_are_compared_repeat_by_repeat() -> None:
    found = [
        speed("upstream", 0, 3.0, remembered=None),
        speed("nightlab", 0, 1.0, remembered=4, runs=200),
        speed("upstream", 1, 6.0, remembered=None),  # another program ran
        speed("nightlab", 1, 2.0, remembered=6, runs=200),
    ]
    theirs, ours = benchmark.speed_rows(found)
    assert (theirs["evaluations, of upstream's"], theirs["remembered"]) == ("1.00", "–")
    assert (ours["evaluations, of upstream's"], ours["ideas, of upstream's"]) == ("2.00", "3.00")
    assert (ours["remembered"], ours["evaluations"]) == ("5", "200")
    assert theirs["evaluations a second"] == "75"


def worth(repeat: int, gains: list[float], **changes: Any) -> Any:
    usual = {"scenario": "a", "way": "nightlab", "seconds": 30.0, "ideas": 9, "kept": 2}
    usual |= {"toxicity": 0.3, "welfare": 1.1, "activity": 0.9}
    return benchmark.Worth(**{**usual, "repeat": repeat, "gains": gains, **changes})


def test_the_error_is_over_seeds_of_the_mean_of_repeats() -> None:
    group = [worth(0, [0.1, 0.3]), worth(1, [0.3, 0.5])]
    gain, error = benchmark.gain_of(group)
    assert gain == pytest.approx(0.3)
    assert error == pytest.approx(math.sqrt(0.02) / math.sqrt(2))
    (row,) = benchmark.worth_rows(group)
    assert row["gain"] == "+0.3000 ± 0.1000"
    assert row["of repeats"] == "0.2000 to 0.4000"
    assert (row["welfare"], row["activity"]) == ("+10.0%", "-10.0%")
    assert (row["minutes"], row["gain a minute"]) == ("0.50", "0.6000")


def test_levers_set_by_hand_took_no_time() -> None:
    (row,) = benchmark.worth_rows([worth(0, [0.1, 0.3], seconds=0.0)])
    assert (row["gain"], row["minutes"], row["gain a minute"]) == ("+0.2000 ± 0.1000", "–", "–")


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "results" / "commands.jsonl"
    asked = ("a", "nightlab", 0, 100)
    first = benchmark.Record(file).once(asked, benchmark.Speed, lambda: speed("x", 0, 3.0, **NONE))
    with file.open("a") as broken:
        broken.write('{"asked": ["Spe')
    again = benchmark.Record(file)
    assert again.once(asked, benchmark.Speed, pytest.fail) == first
    other = again.once((*asked, 2), benchmark.Speed, lambda: speed("x", 1, 4.0, **NONE))
    assert benchmark.Record(file).once((*asked, 2), benchmark.Speed, pytest.fail) == other


# -- the command ---------------------------------------------------------------------------------


def test_without_a_simulator_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        benchmark.main(["--quick"])
    assert "pip install 'nightlab[governance]'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_quick_look_on_a_small_market(tmp_path: Path, market: Path) -> None:
    python = lay_python(tmp_path / "python")
    by_hand = tmp_path / "by-hand.json"
    by_hand.write_text(json.dumps({"market": {"audit_enabled": True, "audit_probability": 1.0}}))
    file = tmp_path / "results" / "governance.json"
    words = ["--quick", "--scenarios", str(market), "--by-hand", str(by_hand), "--json", str(file)]
    words += ["--record", str(tmp_path / "commands.jsonl"), "--minutes", "0.1"]
    script = [str(python), str(BENCHMARKS / "governance.py"), *words]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    told = json.loads(file.read_text())
    assert "upstream's loop can't be imported" in told["speed"]["left_out"]
    seeds_moves, ours = told["speed"]["commands"]
    assert seeds_moves["ideas"] >= 5
    assert seeds_moves["runs"] > 0
    assert ours["remembered"] is not None
    hand, found = told["worth"]["commands"]
    assert hand["way"] == "levers set by hand"
    assert len(hand["gains"]) == len(found["gains"]) == 4
    assert found["seconds"] < 60
    printed = done.stdout
    assert "| market | levers set by hand |" in printed
    assert "Left out" in printed


def test_upstreams_own_best_is_what_was_rebuilt(tmp_path: Path, market: Path) -> None:
    if why := benchmark.missing_upstream():
        pytest.skip(why)
    way = Way("upstream", upstream=True, least=0.0)
    done: Tuned = tunings.tuned(way, market, tmp_path / "theirs", 42, iterations=12)
    ledger = json.loads((tmp_path / "theirs" / "runs" / "summary.json").read_text())
    assert done.kept > 0
    held = benchmark.HeldOut(tmp_path / "held", [7, 11, 19], {"epochs": 3, "steps": 5})
    found = held.measure(market, done.governance)
    mean = sum(each["toxicity_rate"] for each in found) / 3
    assert mean == pytest.approx(ledger["best"]["toxicity_rate"])
