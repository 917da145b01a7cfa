"""What program.md rules out, with real processes: by a rule of the policy, by the scope."""

from __future__ import annotations

from pathlib import Path

from fakes import COMMAND_PROGRAM, ScriptedProposer, command_study, move

from nightlab.study import Study
from nightlab.types import Decision, Idea, Trial

TRAIN = """\
import os, random

# --- HYPERPARAMETERS ---
X = 0.0
WIDTH = 8
# --- END HYPERPARAMETERS ---


def parameters():
    return WIDTH * WIDTH / 10


noise = random.Random(int(os.environ["NIGHTLAB_SEED"])).gauss(0, 0.001)
print("loss:", (X - 1) ** 2 + 1 / WIDTH + noise)
print("parameters_M:", parameters())
"""
PROGRAM = (
    COMMAND_PROGRAM.replace(
        "    X: {type: float, low: -5, high: 5}",
        "    X: {type: float, low: -5, high: 5}\n"
        "    WIDTH: {type: int, low: 1, high: 64, tags: [architecture]}",
    )
    .replace("stop:", "judge: {confirm: 0}\nstop:")
    .replace(
        "PRIMARY: minimize loss",
        "PRIMARY: minimize loss\nGUARDRAILS:\n- parameters_M must stay <= 10",
    )
)


def session(study: Study, ideas: list[Idea]) -> tuple[list[Trial], ScriptedProposer]:
    proposer = ScriptedProposer(ideas)
    study.run(proposer=proposer, trials=len(ideas))
    return list(study.campaign(study.pick()).history.trials), proposer


def test_a_ceiling_on_a_printed_metric_is_a_veto(tmp_path: Path) -> None:
    study = command_study(tmp_path / "s", PROGRAM, TRAIN)
    trials, _ = session(study, [move(WIDTH=16), move(WIDTH=10), move(X=1.0, WIDTH=64)])
    told = [(t.verdict.decision, t.verdict.rule) for t in trials if t.verdict]
    assert [decision for decision, _ in told] == [Decision.DISCARD, Decision.KEEP, Decision.DISCARD]
    assert told[0][1] == told[2][1] == "veto"
    assert trials[0].mean("parameters_M") == 25.6
    assert trials[1].mean("parameters_M") == 10  # the ceiling itself passes
    assert trials[0].verdict is not None
    assert "parameters_M" in trials[0].verdict.reason
    assert "10" in trials[0].verdict.reason
    better = trials[0].mean("loss"), study.campaign(study.pick()).history.baseline.mean("loss")
    assert better[0] is not None and better[1] is not None and better[0] < better[1]


def test_an_edit_outside_the_scope_is_refused_before_it_runs(tmp_path: Path) -> None:
    program = PROGRAM.replace("  space:", "  scope: architecture\n  space:")
    study = command_study(tmp_path / "s", program, TRAIN)
    edits: list[dict[str, str | None]] = [
        {"train.py": TRAIN.replace("return WIDTH * WIDTH / 10", "return 1")},
        {"train.py": TRAIN.replace("1 / WIDTH", "1 / 99")},
        {"train.py": TRAIN.replace("WIDTH = 8", "WIDTH = 10")},
    ]
    trials, proposer = session(study, [Idea("an edit", files=files) for files in edits])
    assert [reason.split(";")[0] for _, reason in proposer.refusals] == [
        "the scope is architecture, and this changes function parameters (other), line 9",
        "the scope is architecture, and this changes a statement (other), line 14",
    ]
    assert [trial.parameters["WIDTH"] for trial in trials] == [10]
    assert trials[0].verdict is not None
    assert trials[0].verdict.decision is Decision.KEEP
