"""Early abort with real processes: scripts that tell their progress, campaigns that listen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import COMMAND_PROGRAM, ScriptedProposer, call_study, command_study, git, move

from nightlab.campaign import Campaign
from nightlab.judge.abort import false_aborts, is_spared
from nightlab.remember.events import AbortWeighed, Event
from nightlab.report.summary import summary_text
from nightlab.study import Study, open_study
from nightlab.types import Decision, Idea, NightlabError, Outcome

TRAIN = """\
import os, random, time

# --- HYPERPARAMETERS ---
X = 0.0
MODE = "plain"
WARMUP = 0.0
# --- END HYPERPARAMETERS ---

noise = random.Random(f"{os.environ['NIGHTLAB_SEED']} {X}").gauss(0, 0.01)
loss = X * X + noise
SLOW = {"wait": 0.45, "overrun": 0.11}.get(MODE, 2.0)
for step in range(1, 51):
    done = step / 50
    value = loss + 3 * (1 - done)
    if MODE == "nan" and done > 0.3:
        value = float("nan")
    if MODE == "explode" and done > 0.3:
        value = 1e6 * done
    if MODE != "silent":
        print(f"progress: {done} step={step} loss={value}", flush=True)
    if done >= SLOW or (MODE in ("nan", "explode") and done > 0.4):
        time.sleep(0.25 if MODE == "overrun" else 60)
print("loss:", loss)
"""

PROGRAM = (
    COMMAND_PROGRAM.replace(
        "    X: {type: float, low: -5, high: 5}",
        "    X: {type: float, low: -5, high: 5}\n"
        "    MODE: {type: choice, choices: [plain, nan, explode, wait, overrun, silent]}\n"
        "    WARMUP: {type: float, low: 0, high: 1, tags: [schedule]}",
    )
    .replace("files: [train.py]", "files: [train.py, other.py]")
    .replace("stop:", "judge: {panel: fixed, confirm: 0}\nstop:")
)

PLAIN = [move(X=0.3 + 0.05 * n) for n in range(8)]
"""Eight that are worse, and dropped after one run each: lessons for what comes after."""

AFTER = 2 + len(PLAIN) + 1
"""The number of the first run after them."""


def tag_that(spares: bool) -> str:
    """A campaign in which the first run after the plain ones is spared, or isn't."""
    return next(f"t{n}" for n in range(1000) if is_spared(f"t{n}", AFTER) is spares)


def odd(mode: str, **more: float) -> Idea:
    return Idea(mode, parameters={"MODE": mode, **more})


def session(study: Study, *ideas: Idea, tag: str = "", **given: object) -> Campaign:
    proposer = ScriptedProposer([*PLAIN, *ideas])
    tag = tag or tag_that(False)
    campaign, _ = study.run(tag=tag, proposer=proposer, trials=len(proposer.ideas), **given)  # type: ignore[arg-type]
    return open_study(study.folder).campaign(campaign.tag)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return command_study(tmp_path / "study", PROGRAM, TRAIN)


@pytest.fixture
def within() -> Callable[[float], None]:
    began = time.monotonic()

    def check(seconds: float) -> None:
        assert time.monotonic() - began < seconds

    return check


def test_a_hopeless_run_is_stopped_and_its_trial_is_a_discard(
    study: Study, within: Callable[[float], None]
) -> None:
    events: list[Event] = []
    campaign = session(study, odd("wait", X=2.0), on_event=events.append)
    within(30)
    trial = campaign.history.trials[-1]
    assert trial.verdict is not None
    assert (trial.verdict.decision, trial.verdict.rule) == (Decision.DISCARD, "abort")
    assert [run.outcome for run in trial.runs] == [Outcome.ABORTED]
    assert "worse than the incumbent's; loss would end about" in trial.verdict.reason
    assert campaign.state.open == {}
    (weighed,) = [e for e in campaign.state.weighed if e.run == AFTER]
    assert not weighed.spared
    assert 0.2 <= weighed.fraction <= 0.46
    assert weighed.predicted == pytest.approx(4.0, rel=0.4)
    kinds = [e.kind for e in events]
    assert kinds.index("abort_weighed") < len(kinds) - kinds[::-1].index("run_ended")
    row = (study.folder / "results.tsv").read_text().splitlines()[-1].split("\t")
    assert row[3] == "discard"


def test_what_people_read_of_it(study: Study) -> None:
    campaign = session(study, odd("wait", X=2.0))
    for words in (["show", "9"], ["show", "9", "--json"], ["status"], ["report"]):
        command = [sys.executable, "-m", "nightlab", *words]
        said = subprocess.run(command, cwd=study.folder, capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        if words == ["show", "9", "--json"]:
            told = json.loads(said.stdout)
            assert (told["outcome"], told["verdict"], told["rule"]) == (
                "aborted",
                "discard",
                "abort",
            )
        if words == ["show", "9"]:
            assert "discard, by abort: at " in said.stdout
    assert campaign.state.settled == 9


def test_a_spared_run_goes_on_to_its_end(study: Study, within: Callable[[float], None]) -> None:
    quick = TRAIN.replace("else 60)", "else 0.02)")
    (study.folder / "train.py").write_text(quick)
    commit(study)
    campaign = session(study, odd("wait", X=2.0), tag=tag_that(True))
    (weighed,) = [e for e in campaign.state.weighed if e.run == AFTER]
    assert weighed.spared
    trial = campaign.history.trials[-1]
    assert [run.outcome for run in trial.runs] == [Outcome.OK]
    assert trial.verdict is not None
    assert trial.verdict.rule == "improvement"
    spared = [e.run for e in campaign.state.weighed if e.spared]
    assert false_aborts(campaign.history, spared) == (len(spared), 0)
    said = summary_text(study, campaign)
    assert f"of {len(spared)} spared ones that were found hopeless too, 0 ended no worse" in said


def test_a_run_that_moves_the_schedule_is_not_compared(study: Study) -> None:
    (study.folder / "train.py").write_text(TRAIN.replace("else 60)", "else 0.02)"))
    commit(study)
    campaign = session(study, odd("wait", X=2.0, WARMUP=0.5))
    assert [e for e in campaign.state.weighed if e.run == AFTER] == []
    assert campaign.history.trials[-1].runs[0].outcome is Outcome.OK


def test_edited_code_is_not_compared(study: Study) -> None:
    (study.folder / "train.py").write_text(TRAIN.replace("else 60)", "else 0.02)"))
    commit(study)
    idea = Idea("code", parameters={"MODE": "wait", "X": 2.0}, files={"other.py": "A = 1\n"})
    campaign = session(study, idea)
    assert [e for e in campaign.state.weighed if e.run == AFTER] == []
    trial = campaign.history.trials[-1]
    assert (trial.edited, trial.runs[0].outcome) == (True, Outcome.OK)


@pytest.mark.parametrize(
    ("mode", "decision", "outcome"),
    [
        ("nan", Decision.CRASH, Outcome.NOT_FINITE),
        ("explode", Decision.DISCARD, Outcome.ABORTED),
    ],
)
def test_hard_rules_need_no_lessons(
    study: Study,
    within: Callable[[float], None],
    mode: str,
    decision: Decision,
    outcome: Outcome,
) -> None:
    proposer = ScriptedProposer([odd(mode)])
    campaign, _ = study.run(tag="toy", proposer=proposer, trials=1)
    within(20)
    (trial,) = campaign.history.trials
    assert trial.verdict is not None
    assert (trial.verdict.decision, trial.runs[0].outcome) == (decision, outcome)
    assert campaign.state.weighed == [], "nothing was predicted"


def test_a_projected_overrun_ends_at_once(tmp_path: Path) -> None:
    study = command_study(
        tmp_path / "study", PROGRAM.replace("timeout: 20 s", "timeout: 6 s"), TRAIN
    )
    campaign, _ = study.run(tag="toy", proposer=ScriptedProposer([odd("overrun")]), trials=1)
    (trial,) = campaign.history.trials
    assert trial.runs[0].outcome is Outcome.TIMEOUT
    assert trial.runs[0].seconds < 5
    assert "it would take about" in trial.runs[0].detail


def test_a_silent_run_is_left_alone_and_leaves_no_curve(study: Study) -> None:
    campaign, _ = study.run(tag="toy", proposer=ScriptedProposer([odd("silent", X=2.0)]), trials=1)
    (trial,) = campaign.history.trials
    assert [(run.outcome, run.curve) for run in trial.runs] == [(Outcome.OK, ())]
    assert all(len(run.curve) == 20 for run in campaign.history.baseline.runs)


def test_a_baseline_that_is_no_number_ends_the_session(tmp_path: Path) -> None:
    text = TRAIN.replace('MODE = "plain"', 'MODE = "nan"')
    study = command_study(tmp_path / "study", PROGRAM, text)
    with pytest.raises(NightlabError, match="not_finite: loss is nan at"):
        study.run(tag="toy", proposer=ScriptedProposer([]), trials=1)


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    program = PROGRAM.replace("confirm: 0}", "confirm: 0, abort: off}")
    study = command_study(tmp_path / "study", program, TRAIN.replace("else 60)", "else 0.02)"))
    campaign = session(study, odd("wait", X=2.0), odd("explode"))
    assert campaign.state.weighed == []
    outcomes = {run.outcome for trial in campaign.history.trials for run in trial.runs}
    assert outcomes == {Outcome.OK}


SIM = """\
import time

def evaluate(parameters, seed, report):
    loss = parameters["x"] ** 2 + seed / 1000
    for step in range(1, 51):
        report(step, step / 50, loss=loss + 3 * (1 - step / 50))
        if parameters["x"] > 3 and step > 22:
            time.sleep(60)
    return {"loss": loss}
"""


def test_a_call_that_reports_is_treated_alike(
    tmp_path: Path, within: Callable[[float], None]
) -> None:
    study = call_study(tmp_path / "study", sim=SIM)
    ideas = [move(x=0.3 + 0.05 * n + 0.001 * n * n, y=0.1 * n) for n in range(8)]
    number = 3 + len(ideas) + 1
    tag = next(f"t{n}" for n in range(1000) if not is_spared(f"t{n}", number))
    proposer = ScriptedProposer([*ideas, move(x=4.0), move(x=0.1)])
    campaign, _ = study.run(tag=tag, proposer=proposer, trials=10)
    within(30)
    hopeless = campaign.history.trials[8]
    assert [run.outcome for run in hopeless.runs] == [Outcome.ABORTED]
    assert campaign.history.trials[9].runs[0].outcome is Outcome.OK


DIE = """\
import os, signal, sys
from pathlib import Path
import nightlab.run.local as local
from end_to_end.test_early_abort import PLAIN, odd
from fakes import ScriptedProposer
from nightlab.study import open_study

def stop(self, run, outcome, detail):
    os.kill(os.getpid(), signal.SIGKILL)

local.LocalRunner.stop = stop
study = open_study(Path(sys.argv[1]))
study.run(tag=sys.argv[2], proposer=ScriptedProposer([*PLAIN, odd("wait", X=2.0)]), trials=9)
"""


def test_a_run_whose_abort_was_not_recorded_is_made_again(study: Study) -> None:
    both = (n for n in range(1000) if not is_spared(f"t{n}", AFTER))
    tag = next(f"t{n}" for n in both if not is_spared(f"t{n}", AFTER + 1))
    died = subprocess.run(
        [sys.executable, "-c", DIE, str(study.folder), tag],
        env={**os.environ, "PYTHONPATH": ":".join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
    )
    assert died.returncode == -9, died.stderr
    campaign, _ = study.run(tag=tag, proposer=ScriptedProposer([]), trials=0)
    (*_, trial) = campaign.history.trials
    assert [run.outcome for run in trial.runs] == [Outcome.INTERRUPTED, Outcome.ABORTED]
    assert [e.run for e in campaign.state.weighed if isinstance(e, AbortWeighed)][-2:] == [
        AFTER,
        AFTER + 1,
    ]
    assert trial.verdict is not None
    assert trial.verdict.rule == "abort"


def commit(study: Study) -> None:
    git(study.folder, "commit", "-qam", "quick")
