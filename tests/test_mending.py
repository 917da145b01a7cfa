"""A trial that failed by a slip gets one more chance, under its own number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import COMMAND_PROGRAM, TRAIN, ScriptedProposer, command_study, git

from nightlab.campaign import Campaign
from nightlab.propose import NothingToPropose
from nightlab.propose.settings import ProposeSettings
from nightlab.propose.sharing import SharingProposer
from nightlab.study import Study, open_study
from nightlab.types import Decision, History, Idea, Outcome, Trial

GOOD = TRAIN.replace("X = 0.5", "X = 0.9")
SLIP = GOOD.replace("time.sleep", "tyme.sleep")
OTHER_SLIP = GOOD.replace("random.Random", "randum.Random")

HUNGRY = """\
import os, sys

DEVICE_BATCH_SIZE = 8
RATE = 1

if DEVICE_BATCH_SIZE * RATE > {limit}:
    sys.exit("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB")
print("loss:", 1 / RATE + int(os.environ["NIGHTLAB_SEED"]) / 1e6)
"""


class ScriptedWriter(ScriptedProposer):
    """Writes what it is given, and mends by a function of the trial and its trace."""

    emitter = "writer"

    def __init__(self, ideas: list[Idea], mend: Callable[[Trial, str], Idea]) -> None:
        super().__init__(ideas)
        self.mend = mend
        self.asked: list[tuple[int, str]] = []

    def draft(self, history: History, wish: str) -> Idea:
        raise NothingToPropose(wish)

    def fix(self, history: History, trial: Trial, trace: str) -> Idea:
        self.asked.append((trial.number, trace))
        return self.mend(trial, trace)


def edit(text: str, summary: str = "nearer") -> Idea:
    return Idea(summary, emitter="writer", files={"train.py": text})


def run(study: Study, writer: ScriptedProposer, trials: int = 1) -> Campaign:
    study.run(proposer=writer, trials=trials)
    return study.campaign(study.pick())


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return command_study(tmp_path / "s")


def test_a_slip_is_mended_once_and_both_forms_are_told(study: Study) -> None:
    writer = ScriptedWriter([edit(SLIP)], lambda *_: edit(GOOD))
    campaign = run(study, writer)
    (trial,) = campaign.history.trials
    assert writer.asked[0][0] == 1 and "NameError: name 'tyme' is not defined" in writer.asked[0][1]
    assert trial.verdict is not None and trial.verdict.decision is Decision.KEEP
    assert "tyme" not in trial.diff and "+X = 0.9" in trial.diff
    (before,) = trial.attempts
    assert "tyme" in before.diff and before.why.startswith("fixed after a crash: NameError")
    assert [r.outcome for r in before.runs] == [Outcome.CRASH]
    assert {r.outcome for r in trial.runs} == {Outcome.OK}
    ref = f"refs/nightlab/{campaign.tag}"
    assert git(study.folder, "rev-parse", f"{ref}/1-1") == before.commit
    assert git(study.folder, "rev-parse", f"{ref}/1") == trial.commit
    parents = git(study.folder, "rev-list", "--parents", "-1", trial.commit).split()
    assert parents == [trial.commit, trial.parent], "one change, one commit"


def test_a_fix_that_crashes_too_is_a_crash_and_is_asked_for_no_more(study: Study) -> None:
    writer = ScriptedWriter([edit(SLIP)], lambda *_: edit(OTHER_SLIP))
    (trial,) = run(study, writer).history.trials
    assert len(writer.asked) == 1
    assert trial.verdict is not None and trial.verdict.decision is Decision.CRASH
    assert "randum" in trial.verdict.reason and len(trial.attempts) == 1


@pytest.mark.parametrize(
    "fixed",
    [
        edit(SLIP),
        edit(TRAIN),
        edit(GOOD.replace("print(", "print(((")),
        Idea("none", unusable="no edit in it"),
        Idea("astray", files={"other.py": "x = 1\n"}),
        Idea("nothing"),
    ],
    ids=["the same", "the baseline", "no python", "unusable", "astray", "empty"],
)
def test_a_bad_fix_leaves_the_crash_as_it_is(study: Study, fixed: Idea) -> None:
    writer = ScriptedWriter([edit(SLIP)], lambda *_: fixed)
    (trial,) = run(study, writer).history.trials
    assert trial.verdict is not None and trial.verdict.decision is Decision.CRASH
    assert trial.attempts == () and "tyme" in trial.diff


def test_a_writer_that_will_not_leaves_the_crash_as_it_is(study: Study) -> None:
    def refuse(trial: Trial, trace: str) -> Idea:
        raise NothingToPropose("the money is spent")

    (trial,) = run(study, ScriptedWriter([edit(SLIP)], refuse)).history.trials
    assert trial.verdict is not None and trial.verdict.decision is Decision.CRASH


def test_what_is_no_slip_does_not_go_back(study: Study) -> None:
    broken = GOOD.replace('print("loss:"', 'assert False, "diverged"\nprint("loss:"')
    writer = ScriptedWriter([edit(broken)], lambda *_: edit(GOOD))
    (trial,) = run(study, writer).history.trials
    assert writer.asked == []
    assert trial.verdict is not None and trial.verdict.decision is Decision.CRASH


def test_who_wrote_it_is_asked_to_mend_it(study: Study) -> None:
    class Other(ScriptedWriter):
        emitter = "other"

    ours = ScriptedWriter([edit(SLIP)], lambda *_: edit(GOOD))
    theirs = Other([], lambda *_: edit(GOOD))
    listed = [ProposeSettings(floor=0.5), ProposeSettings(floor=0.0)]  # so it is our turn
    shared = SharingProposer([ours, theirs], listed)
    study.run(proposer=shared, trials=1)
    assert [number for number, _ in ours.asked] == [1] and theirs.asked == []


def test_a_crash_of_the_same_diff_is_not_tried_again(study: Study) -> None:
    writer = ScriptedWriter([edit(SLIP), edit(SLIP), edit(GOOD, "good")], lambda *_: edit(TRAIN))
    campaign = run(study, writer, trials=2)
    assert [t.summary for t in campaign.history.trials] == ["nearer", "good"]
    assert "already tried: trial 1 is the same" in writer.refusals[0][1]


def test_the_form_before_the_fix_is_not_tried_again(study: Study) -> None:
    writer = ScriptedWriter([edit(SLIP), edit(SLIP), edit(OTHER_SLIP)], lambda *_: edit(GOOD))
    campaign = run(study, writer, trials=2)
    assert len(writer.refusals) >= 1
    assert campaign.history.trials[0].attempts


def hungry(tmp_path: Path, limit: int) -> Study:
    program = COMMAND_PROGRAM.replace(
        "  block: train.py\n  space:\n    X: {type: float, low: -5, high: 5}\n", ""
    ).replace("propose: {with: random}", "propose: {command: 'true'}")
    return command_study(tmp_path / "s", program, HUNGRY.format(limit=limit))


def test_out_of_memory_halves_the_device_batch_once(tmp_path: Path) -> None:
    study = hungry(tmp_path, 8)
    idea = Idea(
        "faster", files={"train.py": HUNGRY.format(limit=8).replace("RATE = 1", "RATE = 2")}
    )
    study.run(proposer=ScriptedProposer([idea]), trials=1)
    (trial,) = study.campaign(study.pick()).history.trials
    assert trial.verdict is not None and trial.verdict.decision is Decision.KEEP
    assert trial.attempts[0].why == "out of memory: DEVICE_BATCH_SIZE 8 -> 4"
    assert "+DEVICE_BATCH_SIZE = 4" in trial.diff and "+RATE = 2" in trial.diff
    assert trial.attempts[0].runs[0].outcome is Outcome.OUT_OF_MEMORY


def test_out_of_memory_twice_is_the_end_of_it(tmp_path: Path) -> None:
    study = hungry(tmp_path, 8)
    idea = Idea(
        "faster", files={"train.py": HUNGRY.format(limit=8).replace("RATE = 1", "RATE = 8")}
    )
    study.run(proposer=ScriptedProposer([idea]), trials=1)
    (trial,) = study.campaign(study.pick()).history.trials
    assert trial.verdict is not None and trial.verdict.decision is Decision.CRASH
    assert len(trial.attempts) == 1 and "+DEVICE_BATCH_SIZE = 4" in trial.diff


def test_a_mended_trial_reads_the_same_from_the_ledger(study: Study) -> None:
    writer = ScriptedWriter([edit(SLIP)], lambda *_: edit(GOOD))
    study.run(proposer=writer, trials=1)
    again = open_study(study.folder)
    (trial,) = again.campaign(again.pick()).history.trials
    assert len(trial.attempts) == 1 and trial.attempts[0].runs
    campaign, _ = again.run(
        proposer=ScriptedProposer([edit(TRAIN.replace("0.5", "1.0"))]), trials=1
    )
    assert campaign.state.settled == 2
