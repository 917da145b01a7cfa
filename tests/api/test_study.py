"""`nightlab.Study`: what the command line does, from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fakes import InProcessRunner, ScriptedProposer, call_study, loss_of, move

import nightlab


@pytest.fixture
def study(tmp_path: Path) -> nightlab.Study:
    return nightlab.Study.open(call_study(tmp_path / "s").folder)


def test_it_runs_with_the_runner_and_the_proposer_of_the_program(study: nightlab.Study) -> None:
    assert study.run(trials=2) == "2 trials are done"
    assert len(study.trials) == 2 and study.baseline.number == 0
    assert study.run(trials=1) == "3 trials are done"
    assert study.status()["trials"] == 3


def test_objects_of_ones_own_stand_in(study: nightlab.Study) -> None:
    said: list[str] = []
    proposer = ScriptedProposer([move("right", x=3.0), move("down", y=-1.0), move("left", x=-3.0)])
    study.run(proposer=proposer, runner=InProcessRunner(loss_of), say=said.append)
    best = study.best
    assert (best.trial, best.summary, best.metric) == (2, "down", "loss")
    assert best.value == pytest.approx(0.002, abs=1e-5) and best.baseline == pytest.approx(10.002)
    assert dict(best.parameters) == {"x": 3.0, "y": -1.0}
    assert len(best.commit) == 40
    verdicts = [line for line in said if "KEEP" in line or "DISCARD" in line]
    assert verdicts[0].startswith("trial 1: KEEP loss") and len(verdicts) == 3
    assert "stopped: the script is over" in said[-3:]


def test_the_history_is_a_frame_with_a_row_a_trial(study: nightlab.Study) -> None:
    pd = pytest.importorskip("pandas", reason="pip install 'nightlab[analysis]'")
    ideas = [move("right", x=3.0), move("far", x=5.0), move("left", x=-3.0)]
    study.run(proposer=ScriptedProposer(ideas), runner=InProcessRunner(loss_of))
    frame = study.history
    assert isinstance(frame, pd.DataFrame) and frame.index.name == "trial"
    assert list(frame.index) == [0, 1, 2, 3]
    assert list(frame["summary"]) == ["baseline", "right", "far", "left"]
    assert list(frame["kept"]) == [False, True, False, False]
    assert frame.loc[1, "gain"] == pytest.approx(9.0)
    assert frame.loc[3, "parameters.x"] == -3.0
    assert frame.loc[0, "metrics.loss"] == pytest.approx(10.002, abs=0.01)
    assert str(frame["opened"].dt.tz) == "UTC"
    assert frame["gain"].idxmax() == study.best.trial


def test_one_campaign_of_several(study: nightlab.Study) -> None:
    study.run(trials=1, tag="mar8")
    study.run(trials=2, tag="mar9")
    assert nightlab.Study.open(study.folder, tag="mar8").status()["trials"] == 1
    assert nightlab.Study.open(study.folder).status()["campaign"] == "mar9"
    with pytest.raises(nightlab.NightlabError, match="mar8, mar9"):
        _ = nightlab.Study.open(study.folder, tag="mar7").best


def test_the_report_is_written(study: nightlab.Study) -> None:
    study.run(trials=1)
    names = {path.name for path in study.report()}
    assert {"autoresearch-summary.md", "history.svg", "history.png"} <= names


def test_no_study_and_no_campaign_are_told(tmp_path: Path, study: nightlab.Study) -> None:
    with pytest.raises(nightlab.NightlabError, match="nightlab init"):
        nightlab.Study.open(tmp_path)
    with pytest.raises(nightlab.NightlabError, match="no campaign yet"):
        _ = study.best


def test_importing_nightlab_loads_nothing_heavy_and_both_names_stay() -> None:
    code = """
import sys, nightlab
heavy = {"typer", "rich", "pydantic", "pygit2", "optuna", "matplotlib", "pandas", "numpy"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
for _ in range(2):
    assert callable(nightlab.optimize) and callable(nightlab.Study.open)
assert set(nightlab.__all__) <= {*dir(nightlab), "Best", "Study", "optimize"}
try:
    nightlab.nothing
except AttributeError as error:
    assert "nothing" in str(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Odd:
    """Proposes what it is given."""

    def __init__(self, *ideas: object) -> None:
        self.ideas = list(ideas)

    def propose(self, history: object) -> object:
        return self.ideas.pop(0)

    def refused(self, idea: object, reason: str) -> None:
        pass


def test_a_proposer_that_proposes_nonsense_is_told_and_loses_nothing(study: nightlab.Study) -> None:
    for nonsense in (None, "x = 3"):
        with pytest.raises(nightlab.NightlabError, match="the proposer failed: TypeError"):
            study.run(proposer=Odd(nonsense), runner=InProcessRunner(loss_of))  # type: ignore[arg-type]
    odd = Odd(move("no number", x=float("nan")), move("right", x=3.0), None)
    with pytest.raises(nightlab.NightlabError, match="NoneType"):
        study.run(proposer=odd, runner=InProcessRunner(loss_of))  # type: ignore[arg-type]
    assert study.status()["refused"] == 1 and len(study.trials) == 1


def test_a_time_that_is_none_is_told(study: nightlab.Study) -> None:
    with pytest.raises(nightlab.NightlabError, match="'99:99' is not a time of day"):
        study.run(until="99:99")
