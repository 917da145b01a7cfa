"""A function and no files: the whole loop around it, and every mistake in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nightlab
from nightlab.types import Decision, Outcome


def bowl(parameters: dict[str, Any], seed: int) -> float:
    return (parameters["x"] - 3.0) ** 2 + (parameters["y"] + 1) ** 2 + seed / 1000


SPACE = {"x": (-5.0, 5.0), "y": (-5, 5)}


def test_it_finds_what_is_better_and_says_by_how_much() -> None:
    study = nightlab.optimize(
        bowl, SPACE, "minimize loss", start={"x": 0.0, "y": 0}, seeds=(1, 2), trials=15
    )
    best = study.best
    assert best.baseline == pytest.approx(10.0015)
    assert best.value is not None and best.value < 5
    assert best.gain == pytest.approx(best.baseline - best.value)
    assert best.percent == pytest.approx(100 * best.gain / best.baseline)
    assert bowl(dict(best.parameters), 0) == pytest.approx(best.value - 0.0015, abs=1e-5)
    assert len(study.trials) == 15
    assert study.baseline.parameters == {"x": 0.0, "y": 0}


def test_the_middle_of_each_range_is_the_start() -> None:
    space = {
        **SPACE,
        "kind": ["a", "b"],
        "rate": {"type": "float", "low": 0.01, "high": 100, "log": True},
    }
    study = nightlab.optimize(lambda p: float(p["x"]), space, "maximize x", trials=0)
    assert study.baseline.parameters == {"x": 0.0, "y": 0, "kind": "b", "rate": 1.0}
    assert study.best.trial == 0 and study.best.gain == 0.0


def test_a_whole_policy_and_several_metrics() -> None:
    def both(parameters: dict[str, Any], seed: int) -> dict[str, float]:
        return {"loss": -float(parameters["x"]), "cost": abs(float(parameters["x"]))}

    policy = """
        PRIMARY: minimize loss
        GUARDRAILS:
        - cost must stay <= 2
    """
    study = nightlab.optimize(both, {"x": (-5.0, 5.0)}, policy, start={"x": 1.0}, trials=12)
    assert study.best.value is not None and -2 <= study.best.value < -1
    vetoed = [t for t in study.trials if t.verdict and t.verdict.rule == "veto"]
    assert vetoed and all(t.verdict.decision is Decision.DISCARD for t in vetoed if t.verdict)


def test_an_exception_is_a_crash_of_that_trial_with_its_traceback_in_the_log() -> None:
    def fragile(parameters: dict[str, Any], seed: int) -> float:
        if parameters["x"] != 0.0:
            raise RuntimeError("it tore\nin two")
        return 1.0 + seed

    study = nightlab.optimize(fragile, SPACE, "minimize loss", start={"x": 0.0, "y": 0}, trials=6)
    crashed = [t for t in study.trials if t.failed]
    assert crashed and study.best.trial == 0
    run = crashed[0].runs[0]
    assert (run.outcome, run.detail) == (Outcome.CRASH, "RuntimeError: it tore in two")
    assert "Traceback" in Path(run.log).read_text()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (float("nan"), Outcome.NOT_FINITE),
        ({"other": 1.0}, Outcome.NO_METRIC),
        ("text", Outcome.CRASH),
        (None, Outcome.CRASH),
    ],
)
def test_what_is_no_metric_decides_nothing(answer: Any, outcome: Outcome) -> None:
    def moody(parameters: dict[str, Any], seed: int) -> Any:
        return 1.0 + seed if parameters == {"x": 0.0, "y": 0} else answer

    study = nightlab.optimize(moody, SPACE, "minimize loss", start={"x": 0.0, "y": 0}, trials=2)
    assert [run.outcome for trial in study.trials for run in trial.runs] == [outcome] * 2
    assert study.best.trial == 0


def test_with_a_folder_it_goes_on_and_the_command_line_reads_it(tmp_path: Path) -> None:
    place = tmp_path / "toy"
    first = nightlab.optimize(bowl, SPACE, "minimize loss", trials=3, folder=place)
    assert len(first.trials) == 3
    again = nightlab.optimize(bowl, SPACE, "minimize loss", trials=2, folder=place)
    assert len(again.trials) == 5
    opened = nightlab.Study.open(place)
    assert opened.status()["trials"] == 5
    with pytest.raises(nightlab.NightlabError, match=r"go on with nightlab\.optimize"):
        opened.run(trials=1)
    assert (place / "results.tsv").exists()


def test_another_study_is_not_written_over(tmp_path: Path) -> None:
    place = tmp_path / "toy"
    nightlab.optimize(bowl, SPACE, "minimize loss", trials=0, folder=place)
    for space, policy in ((SPACE, "maximize loss"), ({"x": (0.0, 1.0)}, "minimize loss")):
        with pytest.raises(nightlab.NightlabError, match="another folder"):
            nightlab.optimize(bowl, space, policy, trials=0, folder=place)
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    with pytest.raises(nightlab.NightlabError, match="not empty"):
        nightlab.optimize(bowl, SPACE, "minimize loss", trials=0, folder=full)
    assert [path.name for path in full.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": {"x": (5.0, -5.0)}}, "space: x: low"),
        ({"space": {"x": ["one"]}}, "space: x:"),
        ({"space": {"a b": (0.0, 1.0)}}, "'a b' is not a plain name"),
        ({"space": {"x": {"type": "floot", "low": 0, "high": 1}}}, "space: x:"),
        ({"start": {"z": 1.0}}, "start: z is not in the space"),
        ({"start": {"x": 99.0}}, "start: x = 99.0 is outside its range"),
        ({"space": [1]}, "space: give a mapping"),
        ({"space": {1: (0.0, 1.0)}}, "1 is not a plain name"),
        ({"space": {"x": 3}}, "space: x: give a pair"),
        ({"space": {"x": "ab"}}, "space: x: give a pair"),
        ({"space": {"x": {"type": "int", "low": 0, "hihg": 1}}}, "space: x: high is needed"),
        ({"policy": 5}, "policy: give a text"),
        ({"seeds": 7}, "seeds: give a sequence"),
        ({"false_keeps": 5}, "judge.false_keeps"),
        ({"trials": -1}, "trials: -1"),
        ({"trials": 2.5}, "trials: 2.5"),
        ({"policy": "improve loss"}, "PRIMARY: .improve loss. is not understood"),
        ({"seeds": ()}, "seeds"),
        ({"propose": "searhc"}, "did you mean|no proposer"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    place = tmp_path / "toy"
    given: dict[str, Any] = {
        "space": SPACE, "policy": "minimize loss", "trials": 1, "folder": place, **change
    }  # fmt: skip
    with pytest.raises(nightlab.NightlabError, match=message) as caught:
        nightlab.optimize(bowl, **given)
    assert "\n" not in str(caught.value)
    assert not place.exists()


def test_an_interrupt_passes_and_the_session_is_put_away(tmp_path: Path) -> None:
    calls: list[int] = []

    def pressed(parameters: dict[str, Any], seed: int) -> float:
        calls.append(seed)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return bowl(parameters, seed)

    place = tmp_path / "toy"
    with pytest.raises(KeyboardInterrupt):
        nightlab.optimize(pressed, SPACE, "minimize loss", trials=5, folder=place)
    study = nightlab.Study.open(place)
    assert study.status()["why"] == "interrupted"
    study = nightlab.optimize(pressed, SPACE, "minimize loss", trials=2, folder=place)
    assert {t.number for t in study.trials} == set(range(1, len(study.trials) + 1))
    assert all(t.verdict for t in study.trials)


def test_what_is_no_function_is_told_before_anything_is_made(tmp_path: Path) -> None:
    for wrong, message in ((5, "int is not a function"), (lambda: 1.0, "must take parameters")):
        with pytest.raises(nightlab.NightlabError, match=message):
            nightlab.optimize(wrong, SPACE, "minimize loss", folder=tmp_path / "x")  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()


def test_a_seed_is_given_by_name_where_it_can_only_be_so() -> None:
    seen: list[int] = []

    def by_name(parameters: dict[str, Any], *, seed: int = 1) -> float:
        seen.append(seed)
        return bowl(parameters, seed)

    nightlab.optimize(by_name, SPACE, "minimize loss", trials=0, seeds=(3, 4))
    assert seen == [3, 4]


def test_a_function_may_ask_for_a_reporter_and_change_what_it_is_given() -> None:
    def whole(parameters: dict[str, Any], seed: int, report: Any) -> float:
        report(1, 0.5, loss=2.0)
        value = bowl(parameters, seed)
        parameters.clear()
        return value

    study = nightlab.optimize(whole, SPACE, "minimize loss", trials=1)
    assert study.trials[0].parameters.keys() == SPACE.keys()


def test_leaving_the_process_is_a_crash_of_that_trial() -> None:
    def leaves(parameters: dict[str, Any], seed: int) -> float:
        if parameters["x"] != 0.0:
            raise SystemExit(3)
        return 1.0 + seed

    study = nightlab.optimize(leaves, SPACE, "minimize loss", start={"x": 0.0, "y": 0}, trials=4)
    assert len(study.trials) == 4 and all(trial.verdict for trial in study.trials)


def test_a_function_that_fails_at_the_baseline_is_named_with_its_cause() -> None:
    def broken(parameters: dict[str, Any], seed: int) -> float:
        raise ZeroDivisionError("by zero")

    with pytest.raises(nightlab.NightlabError, match=r"fails at the baseline \(ZeroDiv") as caught:
        nightlab.optimize(broken, SPACE, "minimize loss", trials=1)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_another_campaign_can_be_begun(tmp_path: Path) -> None:
    study = nightlab.optimize(bowl, SPACE, "minimize loss", trials=1, folder=tmp_path / "toy")
    first = study.status()["campaign"]
    for _ in range(2):
        study.run(trials=0, new=True)
        assert study.status()["campaign"] != first


def test_whole_bounds_of_any_kind_make_whole_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    space = {"a": (numpy.int64(0), numpy.int64(9))}
    study = nightlab.optimize(lambda p: float(p["a"]), space, "minimize loss", trials=0)
    assert isinstance(study.baseline.parameters["a"], int)
