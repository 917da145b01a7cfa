"""summary.json: upstream's keys, strict, whole after every trial, and the same after a resume."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fakes import move, work
from governance.markets import IDEAS, OBJECTIVE, SENTENCES, Market, lever, tuned
from hypothesis import given
from hypothesis import strategies as st

from nightlab.campaign import Campaign
from nightlab.governance.ledger.record import mutation
from nightlab.governance.ledger.summary import Summary, written
from nightlab.study import open_study
from nightlab.types import Decision, Outcome, Purpose, Trial, Verdict

BEGAN = 1_700_000_000.0
KEYS = {
    "started_at",
    "objective",
    "scenario",
    "seeds",
    "baseline",
    "iterations",
    "best",
    "finished_at",
    "nightlab",
}
RECORD_KEYS = {
    "iteration",
    "mutation",
    "candidate_metrics",
    "accepted",
    "guardrail_errors",
    "nightlab",
}


def summary(folder: Path) -> Summary:
    return Summary(folder / "out" / "summary.json", OBJECTIVE, "scenarios/a.yaml", BEGAN)


def strict(path: Path) -> dict[str, Any]:
    """The file, which must be JSON without any extension of it."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    found: dict[str, Any] = json.loads(path.read_text(), parse_constant=refuse)
    return found


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """Six trials, each with another end."""
    folder = tmp_path_factory.mktemp("market") / "study"
    return tuned(folder, *IDEAS, market=Market(fails={5: Outcome.CRASH}))


@pytest.fixture
def told(campaign: Campaign, tmp_path: Path) -> dict[str, Any]:
    view = summary(tmp_path)
    view.write(campaign.history, {"warnings": ["careful"]}, BEGAN + 60)
    return strict(view.path)


def test_the_keys_are_upstreams(told: dict[str, Any], campaign: Campaign) -> None:
    assert told.keys() == KEYS
    assert told["started_at"] == "2023-11-14T22:13:20+00:00"
    assert datetime.fromisoformat(told["finished_at"]).timestamp() == BEGAN + 60
    assert told["objective"] == {
        "primary_metric": "toxicity_rate",
        "primary_direction": "minimize",
        "min_improvement": 0.001,
        "guardrails": [
            {"metric": "total_welfare", "max_regression": None, "max_decrease": "20%"},
            {"metric": "avg_payoff", "max_regression": None, "max_decrease": 0.5},
        ],
    }
    assert told["scenario"] == "scenarios/a.yaml"
    assert told["seeds"] == [7, 11, 19]
    assert [each["iteration"] for each in told["iterations"]] == [1, 2, 3, 4, 5, 6]
    assert all(each.keys() == RECORD_KEYS for each in told["iterations"])
    assert [each["accepted"] for each in told["iterations"]] == [
        trial.number in campaign.history.kept for trial in campaign.history.trials
    ]
    assert told["nightlab"] == {
        "best_iteration": 3,
        "policy": list(SENTENCES),
        "warnings": ["careful"],
    }


def test_metrics_are_means_over_the_panel_and_what_is_missing_is_null(
    told: dict[str, Any], campaign: Campaign
) -> None:
    first, record = campaign.history.trials[0], told["iterations"][0]
    values = first.values("toxicity_rate").values()
    assert record["candidate_metrics"] == {
        "toxicity_rate": math.fsum(values) / 3,
        "quality_gap": pytest.approx(0.1),
        "total_welfare": 8.95,
        "avg_payoff": pytest.approx(1.79),
        "accepted_interactions": 8.0,
        "illusion_delta": None,
    }
    assert record["nightlab"]["seeds"] == [7, 11, 19]
    panel = campaign.history.baseline.values("toxicity_rate").values()
    assert told["baseline"]["toxicity_rate"] == math.fsum(panel) / 3
    assert told["baseline"].keys() == record["candidate_metrics"].keys()
    assert told["best"] == told["iterations"][2]["candidate_metrics"]


def test_a_mutation_is_a_lever_and_its_two_values(told: dict[str, Any]) -> None:
    moves = [each["mutation"] for each in told["iterations"]]
    assert moves[0] == {"param": "audit_probability", "old": 0.1, "new": 0.5}
    assert moves[1] == {"param": "transaction_tax_rate", "old": 0.1, "new": 0.9}
    assert moves[2] == {  # the tax was to become what it is: it has not moved
        "param": "audit_enabled",
        "old": False,
        "new": True,
        "also": [{"param": "audit_probability", "old": 0.5, "new": 0.6}],
    }
    assert moves[3] == {"param": "audit_probability", "old": 0.6, "new": 0.95}


def test_guardrail_errors_have_upstreams_words_and_the_baseline_as_reference(
    told: dict[str, Any],
) -> None:
    errors = [each["guardrail_errors"] for each in told["iterations"]]
    assert errors[1] == [
        "total_welfare decreased by 8.0400 > allowed 1.7980",  # from 8.99, not from trial 1
        "avg_payoff decreased by 1.6080 > allowed 0.5000",
    ]
    assert errors[3] == ["accepted_interactions is 0; accepted_interactions must stay >= 3"]
    assert errors[0] == errors[2] == errors[4] == errors[5] == []
    assert told["iterations"][5]["nightlab"]["rule"] == "improvement"


def test_a_crash_has_no_values_and_never_zeros(told: dict[str, Any]) -> None:
    record = told["iterations"][4]
    assert record["accepted"] is False
    assert set(record["candidate_metrics"].values()) == {None}
    assert record["nightlab"] == {
        "verdict": "crash",
        "rule": "crash",
        "reason": "it broke in two lines",
        "seeds": [7],
        "outcome": "crash",
        "against": None,
        "gain": None,
    }


def test_while_it_goes_on_it_is_not_finished_and_the_best_is_the_baseline(tmp_path: Path) -> None:
    campaign, view = tuned(tmp_path / "s"), summary(tmp_path)
    view.write(campaign.history)
    told = strict(view.path)
    assert told["finished_at"] is None
    assert told["iterations"] == []
    assert told["best"] == told["baseline"]
    assert told["baseline"]["toxicity_rate"] == pytest.approx(0.398, abs=0.01)
    assert told["nightlab"]["best_iteration"] is None


def test_a_trial_without_a_verdict_is_no_iteration_yet(campaign: Campaign, tmp_path: Path) -> None:
    history = campaign.history
    trials = [*history.trials[:2], replace(history.trials[2], verdict=None), history.trials[3]]
    view, before = summary(tmp_path), replace(history, trials=trials, incumbent=trials[0])
    view.write(before)
    assert [each["iteration"] for each in strict(view.path)["iterations"]] == [1, 2, 4]
    view.write(history)
    assert [each["iteration"] for each in strict(view.path)["iterations"]] == [1, 2, 3, 4, 5, 6]


def test_a_refused_proposal_is_no_iteration(tmp_path: Path) -> None:
    again = lever(audit_probability=0.5)
    campaign = tuned(tmp_path / "s", again, again, move(nowhere=1.0), lever(audit_probability=0.3))
    assert campaign.state.refused == 2
    assert [each["iteration"] for each in summary(tmp_path).records(campaign.history)] == [1, 2]


def test_writing_after_each_trial_gives_what_writing_once_gives(
    campaign: Campaign, tmp_path: Path
) -> None:
    """A resumed session words everything anew, and must say the same."""
    step, once = summary(tmp_path / "a"), summary(tmp_path / "b")
    history = campaign.history
    for count in range(len(history.trials) + 1):
        step.write(replace(history, trials=history.trials[:count]))
    once.write(history)
    assert step.path.read_text() == once.path.read_text()
    assert json.dumps(strict(once.path), indent=2) + "\n" == once.path.read_text()


def test_records_are_kept_and_not_worded_again(campaign: Campaign, tmp_path: Path) -> None:
    view = summary(tmp_path)
    first = view.records(campaign.history)
    assert all(a is b for a, b in zip(first, view.records(campaign.history), strict=True))


def test_a_keep_that_is_taken_back_was_accepted_and_is_demoted(
    campaign: Campaign, tmp_path: Path
) -> None:
    history, view = campaign.history, summary(tmp_path)
    view.write(history)
    verdict = Verdict(3, Decision.DISCARD, "validation", "worse in longer runs", {"to": 1})
    trials = [*history.trials[:2], replace(history.trials[2], verdict=verdict), *history.trials[3:]]
    view.write(replace(history, trials=trials, incumbent=trials[0], kept=(1,)))
    told = strict(view.path)
    record = told["iterations"][2]
    assert record["accepted"] is True
    assert record["nightlab"]["demoted"] is True
    assert record["nightlab"]["reason"] == "worse in longer runs"
    assert "demoted" not in told["iterations"][0]["nightlab"]
    assert told["best"] == told["iterations"][0]["candidate_metrics"]


def test_a_keep_whose_guardrail_broke_on_later_seeds_was_accepted_and_is_demoted(
    campaign: Campaign, tmp_path: Path
) -> None:
    """A trial that a guardrail rejected at once was not, though its verdict reads the same."""
    history = campaign.history
    verdict = Verdict(3, Decision.DISCARD, "guardrail", "welfare decreased", {"to": 1})
    rejected = replace(history.trials[2], verdict=verdict)
    again = replace(rejected.runs[0], number=999, seed=999, purpose=Purpose.REPLICATE)
    for trial, accepted in (
        (rejected, False),
        (replace(rejected, runs=(*rejected.runs, again)), True),
    ):
        trials = [*history.trials[:2], trial, *history.trials[3:]]
        told = replace(history, trials=trials, incumbent=trials[0], kept=(1,))
        record = summary(tmp_path).records(told)[2]
        assert (record["accepted"], "demoted" in record["nightlab"]) == (accepted, accepted)


def test_a_real_demotion_in_longer_runs(tmp_path: Path) -> None:
    """Short runs like it, longer ones don't: the ledger says both."""

    class Sour(Market):
        def __call__(self, job: Any) -> Any:
            found = super().__call__(job)
            if job.purpose is Purpose.VALIDATE and job.trial:
                found["toxicity_rate"] += 0.5
            return found

    judge = "{panel: fixed, validate: {every: 1, seeds: 2}}"
    campaign = tuned(tmp_path / "s", *IDEAS[:2], market=Sour(), judge=judge)
    record = summary(tmp_path).records(campaign.history)[0]
    assert campaign.history.kept == ()
    assert (record["accepted"], record["nightlab"]["demoted"]) == (True, True)
    assert record["nightlab"]["rule"] == "validation"


def test_values_of_longer_and_fresh_runs_are_in_no_mean(tmp_path: Path) -> None:
    judge = "{panel: fixed, validate: {every: 1, seeds: 2}, confirm: 3}"
    campaign = tuned(tmp_path / "s", IDEAS[2], judge=judge)
    trial = campaign.history.trials[0]
    assert len(trial.runs) > 3
    view = summary(tmp_path)
    view.write(campaign.history)
    told = strict(view.path)
    panel = [run.metrics["toxicity_rate"] for run in trial.runs if run.purpose.value == "panel"]
    mean = told["iterations"][0]["candidate_metrics"]["toxicity_rate"]
    assert mean == math.fsum(panel) / len(panel)
    assert told["iterations"][0]["nightlab"]["seeds"] == [7, 11, 19]


def test_a_session_that_goes_on_writes_the_same_records(tmp_path: Path) -> None:
    campaign = tuned(tmp_path / "s", *IDEAS[:3])
    before = summary(tmp_path).records(campaign.history)
    again, _, _ = work(open_study(tmp_path / "s"), IDEAS[3:4], Market())
    after = summary(tmp_path).records(again.history)
    assert after[:3] == before
    assert len(after) == 4


def test_a_metric_that_one_seed_lacks_has_no_mean(campaign: Campaign, tmp_path: Path) -> None:
    history = campaign.history
    trial = history.trials[0]
    metrics = {k: v for k, v in trial.runs[1].metrics.items() if k != "total_welfare"}
    runs = (trial.runs[0], replace(trial.runs[1], metrics=metrics), *trial.runs[2:])
    changed = replace(history, trials=[replace(trial, runs=runs)])
    values = summary(tmp_path).records(changed)[0]["candidate_metrics"]
    assert values["total_welfare"] is None
    assert values["toxicity_rate"] is not None


def test_an_edit_that_moves_no_lever_has_no_mutation() -> None:
    trial = Trial(1, "c1", parameters={"a": 1}, verdict=Verdict(1, Decision.KEEP, "x", ""))
    assert mutation(trial, Trial(0, "c0")) == {"param": None, "old": None, "new": None}


def test_a_toggle_and_a_number_are_not_the_same() -> None:
    trial = replace(Trial(1, "c1"), moved={"governance.a": True, "governance.b": 1.0})
    parent = Trial(0, "c0", parameters={"governance.a": 1, "governance.b": 1})
    assert mutation(trial, parent) == {"param": "a", "old": 1, "new": True}


def test_the_file_is_replaced_whole(campaign: Campaign, tmp_path: Path) -> None:
    view = summary(tmp_path)
    view.write(campaign.history)
    before = view.path.read_text()

    class Broken:
        def __str__(self) -> str:
            raise ValueError("no words")

    with pytest.raises(ValueError, match="no words"):
        view.write(campaign.history, {"what": Broken()})
    assert view.path.read_text() == before
    assert [each.name for each in view.path.parent.iterdir()] == ["summary.json"]


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=20,
)


@given(json_like, st.integers(0, 3))
def test_whatever_is_written_is_strict_json(value: Any, depth: int) -> None:
    text = written(value, depth)
    read = json.loads(text, parse_constant=lambda word: pytest.fail(word))
    assert read == finite(value)
    same = json.dumps(finite(value), indent=2, allow_nan=False, default=str)
    assert text == same.replace("\n", "\n" + "  " * depth)


def finite(value: Any) -> Any:
    """The value with None for every number that JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [finite(each) for each in value]
    return value
