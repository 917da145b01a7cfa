"""What each iteration leaves behind, and what a log may say without harm."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from governance.markets import IDEAS, OBJECTIVE, Market, tuned
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from nightlab.campaign import Campaign
from nightlab.governance.ledger.artifacts import Artifacts
from nightlab.governance.ledger.epochs import epochs_csv, epochs_of
from nightlab.governance.ledger.summary import Summary
from nightlab.types import Decision, Outcome, Purpose, Run, Verdict

SCENARIO = Path("scenarios/market.yaml")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder = tmp_path_factory.mktemp("market") / "study"
    return tuned(folder, *IDEAS, market=Market(fails={5: Outcome.CRASH}))


@pytest.fixture
def view(tmp_path: Path) -> Summary:
    return Summary(tmp_path / "summary.json", OBJECTIVE, str(SCENARIO), 0.0)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "iterations", SCENARIO, "toxicity_rate")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_every_iteration_has_its_folder(
    campaign: Campaign, view: Summary, artifacts: Artifacts
) -> None:
    records = view.records(campaign.history)
    artifacts.write(campaign.history, records)
    assert names(artifacts.folder) == ["001", "002", "003", "004", "005", "006"]
    for record in records:
        expected = ["epochs.csv", "result.json", *(["run.yaml"] if record["accepted"] else [])]
        assert names(artifacts.place(record["iteration"])) == expected


def test_a_result_is_the_record_and_its_runs(
    campaign: Campaign, view: Summary, artifacts: Artifacts
) -> None:
    records = view.records(campaign.history)
    artifacts.write(campaign.history, records)
    told = json.loads((artifacts.place(1) / "result.json").read_text())
    runs = told.pop("runs")
    assert told == records[0]
    assert [(run["seed"], run["outcome"]) for run in runs] == [(7, "ok"), (11, "ok"), (19, "ok")]
    by_seed = campaign.history.trials[0].values("toxicity_rate")
    assert {run["seed"]: run["metrics"]["toxicity_rate"] for run in runs} == by_seed
    failed = json.loads((artifacts.place(5) / "result.json").read_text())["runs"][0]
    assert (failed["outcome"], failed["detail"]) == ("crash", "it broke in two lines")
    assert failed["metrics"] == {}


def test_epochs_are_rows_by_seed_scenario_and_epoch(
    campaign: Campaign, view: Summary, artifacts: Artifacts
) -> None:
    artifacts.write(campaign.history, view.records(campaign.history))
    found = rows(artifacts.place(1) / "epochs.csv")
    places = [(row["seed"], row["scenario"], row["epoch"]) for row in found]
    assert places == [(str(s), "market", str(e)) for s in (7, 11, 19) for e in (0, 1)]
    by_seed = campaign.history.trials[0].values("toxicity_rate")
    assert {int(row["seed"]): float(row["toxicity_rate"]) for row in found} == by_seed
    crashed = (artifacts.place(5) / "epochs.csv").read_text()
    assert crashed == "seed,scenario,epoch\n"


def test_the_envelope_of_an_accepted_one(
    campaign: Campaign, view: Summary, artifacts: Artifacts
) -> None:
    artifacts.write(campaign.history, view.records(campaign.history))
    told: Any = YAML(typ="safe", pure=True).load(artifacts.place(3) / "run.yaml")
    assert told["run_id"].endswith("_autoresearch_market_003")
    assert told["created_utc"].endswith("+00:00")
    assert told["experiment"]["type"] == "autoresearch"
    assert "audit_probability" in told["experiment"]["hypothesis"]
    assert told["experiment"]["changes"] == [
        "audit_enabled: False -> True",
        "audit_probability: 0.5 -> 0.6",
    ]
    assert told["results"]["status"] == "accepted"
    assert told["results"]["value"] == pytest.approx(0.28, abs=0.01)
    assert told["tags"] == ["autoresearch", "governance", "audit_enabled", "audit_probability"]
    assert told["artifacts"] == ["result.json", "epochs.csv"]


def test_a_demotion_is_written_down(
    campaign: Campaign, view: Summary, artifacts: Artifacts
) -> None:
    history = campaign.history
    artifacts.write(history, view.records(history))
    verdict = Verdict(3, Decision.DISCARD, "validation", "worse in longer runs")
    trials = [*history.trials[:2], replace(history.trials[2], verdict=verdict), *history.trials[3:]]
    later = replace(history, trials=trials, incumbent=trials[0], kept=(1,))
    artifacts.write(later, view.records(later))
    assert "status: demoted" in (artifacts.place(3) / "run.yaml").read_text()
    told = json.loads((artifacts.place(3) / "result.json").read_text())
    assert told["nightlab"]["demoted"] is True
    assert "status: accepted" in (artifacts.place(1) / "run.yaml").read_text()


def test_what_is_there_is_left_alone_and_what_is_missing_is_made(
    campaign: Campaign, view: Summary, artifacts: Artifacts, tmp_path: Path
) -> None:
    """A session that goes on after a kill: the last folder was half written."""
    artifacts.write(campaign.history, view.records(campaign.history))
    whole = {path: path.read_bytes() for path in artifacts.folder.rglob("*.*")}
    before = (artifacts.place(1) / "result.json").stat().st_mtime_ns
    (artifacts.place(3) / "result.json").unlink()
    (artifacts.place(3) / "epochs.csv").write_text("half")
    (artifacts.place(6) / "result.json").write_text("{}")
    again = Artifacts(artifacts.folder, SCENARIO, "toxicity_rate")
    again.write(campaign.history, view.records(campaign.history))
    assert {path: path.read_bytes() for path in artifacts.folder.rglob("*.*")} == whole
    assert (artifacts.place(1) / "result.json").stat().st_mtime_ns == before


def test_logs_are_not_needed_again(campaign: Campaign, view: Summary, artifacts: Artifacts) -> None:
    artifacts.write(campaign.history, view.records(campaign.history))
    table = (artifacts.place(1) / "epochs.csv").read_text()
    gone = replace(campaign.history.trials[0].runs[0], log="/nowhere/at/all.log")
    assert epochs_of(gone) == []
    artifacts.write(campaign.history, view.records(campaign.history))
    assert (artifacts.place(1) / "epochs.csv").read_text() == table


def test_the_envelope_of_another_campaign_does_not_stay(
    campaign: Campaign, view: Summary, artifacts: Artifacts
) -> None:
    artifacts.place(2).mkdir(parents=True)
    (artifacts.place(2) / "run.yaml").write_text("run_id: old\n")
    artifacts.write(campaign.history, view.records(campaign.history))
    assert not (artifacts.place(2) / "run.yaml").exists()


# -- logs ----------------------------------------------------------------------------------------


def logged(folder: Path, text: str | bytes, seed: int = 7) -> Run:
    """A run with such a log."""
    path = folder / "run.log"
    path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    return Run(1, 1, seed, Purpose.PANEL, str(path), 0.0, Outcome.OK)


def test_only_whole_lines_with_numbers_count(tmp_path: Path) -> None:
    run = logged(
        tmp_path,
        'hello\nepoch: {"scenario": "a", "seed": 99, "epoch": 0, "x": 1.5, "n": 3, "on": true,'
        ' "bad": NaN, "worse": Infinity, "huge": 1e999, "text": "7", "inner": {"y": 2}}\n'
        '  epoch: {"scenario": "b", "epoch": 0, "metrics": {"x": 2.5, "y": -1e-3}}\n'
        'epoch: {"scenario": "a", "epoch": 1, "x":\n'
        "epoch: [1]\nepoch: 7\nepoch: {}\nepoch:\n"
        'epoch: {"epoch": true, "x": 1}\nepoch: {"epoch": "1", "x": 1}\n'
        'my epoch: {"epoch": 3, "x": 1}\n'
        'epoch: {"scenario": "a", "epoch": 2, "x": 4, "torn',
    )
    found = epochs_of(run)
    assert [(each.seed, each.scenario, each.epoch) for each in found] == [(7, "a", 0), (7, "b", 0)]
    assert found[0].metrics == {"x": 1.5, "n": 3}
    assert found[1].metrics == {"x": 2.5, "y": -0.001}
    assert epochs_csv([run]).splitlines() == [
        "seed,scenario,epoch,x,n,y",
        "7,a,0,1.5,3,",
        "7,b,0,2.5,,-0.001",
    ]


def test_the_last_word_on_an_epoch_counts(tmp_path: Path) -> None:
    run = logged(tmp_path, 'epoch: {"epoch": 0, "x": 1}\nepoch: {"epoch": 0, "x": 2}\n')
    assert [each.metrics for each in epochs_of(run)] == [{"x": 2}]


def test_a_log_without_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightlab.governance.ledger.epochs._MOST_ROWS", 5)
    monkeypatch.setattr("nightlab.governance.ledger.epochs._MOST_METRICS", 3)
    many = ", ".join(f'"m{i}": 1' for i in range(50))
    lines = [f'epoch: {{"epoch": {epoch}, {many}}}\n' for epoch in range(50)]
    deep = "epoch: " + '{"epoch": 0, "x": ' * 3000 + "1" + "}" * 3000 + "\n"
    run = logged(tmp_path, deep + "x" * 200_000 + "\n" + "".join(lines))
    table = epochs_csv([run]).splitlines()
    assert len(table) == 6
    assert table[0] == "seed,scenario,epoch,m0,m1,m2"


def test_names_that_would_hide_something_are_left_out(tmp_path: Path) -> None:
    run = logged(
        tmp_path,
        json.dumps({"a\nb": 1, " c": 2, "": 3, "d" * 200: 4, "e,f": 5, "epoch": 0}).join(
            ["epoch: ", "\n"]
        ),
    )
    assert epochs_csv([run]) == 'seed,scenario,epoch,"e,f"\n7,,0,5\n'


@given(st.binary(max_size=300))
def test_any_log_is_read_without_harm(tmp_path_factory: pytest.TempPathFactory, log: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    run = logged(folder, b'epoch: {"epoch": 0, "x": 1}\nepoch: ' + log + b"\n")
    assert epochs_csv([run]).startswith("seed,scenario,epoch")
