"""The summary: true on every kind of campaign, and its commands make the best again."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import CALL_PROGRAM, call_study, command_study, git, loss_of, move, work

from nightlab.report.markdown import table
from nightlab.report.summary import Summary, summary_text
from nightlab.types import Idea, Job, Measurement, Outcome


def section(text: str, heading: str) -> str:
    return text.split(f"## {heading}\n")[1].split("\n## ")[0]


def steps(text: str) -> list[str]:
    return re.findall(r"^\d\. (.+)$", section(text, "Recommended Next Steps"), re.MULTILINE)


def test_cells_can_hold_anything() -> None:
    text = table(["a|b", "c"], [["one\ntwo\tthree", "x|y"], ["", "—"]])
    assert [line.count("|") for line in text.splitlines()] == [3, 3, 3, 3]
    assert "one two three" in text and "x&#124;y" in text


def test_the_commands_of_a_call_make_the_best_again(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    study.run(trials=15)
    campaign = study.campaign(study.pick())
    text = summary_text(study, campaign)
    commands = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[0].replace("python", sys.executable)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--no-local", str(study.folder), "clone")
    git(clone, "fetch", "-q", "origin", "refs/nightlab/*:refs/nightlab/*")
    done = subprocess.run(
        ["/bin/sh", "-ec", commands], cwd=clone, capture_output=True, text=True, check=True
    )
    best = campaign.history.incumbent
    assert best.number
    assert f"'loss': {best.values('loss')[1]}" in done.stdout


def test_the_commands_of_a_script_make_the_best_again(tmp_path: Path) -> None:
    study = command_study(tmp_path / "s")
    study.run(trials=3)
    campaign = study.campaign(study.pick())
    commands = re.findall(r"```sh\n(.*?)```", summary_text(study, campaign), re.DOTALL)[0]
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--no-local", str(study.folder), "clone")
    git(clone, "fetch", "-q", "origin", "refs/nightlab/*:refs/nightlab/*")
    done = subprocess.run(
        ["/bin/sh", "-ec", commands], cwd=clone, capture_output=True, text=True, check=True
    )
    best = campaign.history.incumbent
    assert f"loss: {best.values('loss')[1]}" in done.stdout


def test_it_tells_versions_seeds_and_what_differs(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move(x=3.0), move(y=-1.0)], loss_of)
    told = section(summary_text(study, campaign), "How to get the best")
    assert re.search(r"Seeds: [\d, ]+\. Measured by Nightlab 0\.1\.0 on Linux", told)
    assert "It differs from the baseline in: x 0.0 → 3.0, y 0.0 → -1.0." in told


def test_steps_follow_from_the_records(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move("far right", x=4.95)], loss_of)
    told = steps(summary_text(study, campaign))
    assert told[0].startswith("Explore around x: trial 1 gained")
    assert told[1].startswith("Widen the range of x (4.95, near the highest of")
    assert told[2].startswith("Move what was never moved: y")
    assert 3 <= len(told) <= 5


def test_many_crashes_come_first_and_are_counted_by_reason(tmp_path: Path) -> None:
    def fragile(job: Job) -> Measurement | dict[str, float]:
        if job.trial:
            return Measurement(job.run, Outcome.CRASH, detail="too | wide")
        return loss_of(job)

    study = call_study(tmp_path / "s")
    ideas = [move(f"try {x}", x=float(x)) for x in range(1, 5)]
    campaign, _, _ = work(study, ideas, fragile)
    text = summary_text(study, campaign)
    assert steps(text)[0].startswith("4 trials of 4 crashed, 4 of them with “too | wide”: narrow x")
    rows = [line for line in section(text, "What Didn't Work").splitlines() if "try" in line]
    assert rows == ["| x | try 1 (trial 1) | crash: too &#124; wide (4 trials alike) |"]
    assert text.splitlines()[2].startswith("**No improvement.** Of 4 trials none was kept")


def test_gains_lost_in_noise_are_named_as_near_misses(tmp_path: Path) -> None:
    wobble = {1: 0.0, 2: 3.0, 3: -2.5}

    def noisy(job: Job) -> dict[str, float]:
        lucky = 1.0 + wobble[job.seed] if job.trial else 0.0
        return {"loss": 10.0 + job.seed - lucky}

    program = CALL_PROGRAM.replace("[1, 2, 3]", "[2, 1, 3]")
    program = program.replace("stop:", "judge: {panel: fixed}\nstop:")
    study = call_study(tmp_path / "s", program)
    campaign, _, _ = work(study, [move("a bit", x=1.0)], noisy)
    told = steps(summary_text(study, campaign))
    assert any("trial 1 (a bit) the most" in step for step in told), told


def test_a_campaign_without_a_measured_baseline_says_how_to_mend_it(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    study.begin("toy", study.ledger())
    text = summary_text(study, study.campaign("toy"))
    assert "**The baseline has not been measured.**" in text
    assert len(steps(text)) == 3 and "nightlab show 0" in steps(text)[1]


def test_the_least_trustworthy_things_are_said(tmp_path: Path) -> None:
    program = CALL_PROGRAM.replace("seeds: [1, 2, 3]", "seeds: [1, 2, 3]\n  parallel: 2")
    study = call_study(tmp_path / "s", program.replace("stop:", "judge: {keep: any}\nstop:"))
    campaign, _, _ = work(study, [move(x=3.0)], loss_of)
    told = section(summary_text(study, campaign), "What may be wrong with these numbers")
    for part in (
        "not an optimum", "the same 3 seeds (1, 2, 3)", "stays flattered", "noise included",
        "not sandboxed", "2 runs shared the machine",
    ):  # fmt: skip
        assert part in told


def test_unicode_and_tabs_in_what_others_wrote_tear_no_table(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    idea = Idea("größer → 📈 | a\tb\nc", "why", "x" * 10, {"x": 3.0})
    campaign, _, _ = work(study, [idea], loss_of)
    for found in re.findall(r"(?:^\|.*\n)+", summary_text(study, campaign), re.MULTILINE):
        assert len({line.count("|") for line in found.splitlines()}) == 1, found


def test_a_summary_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move(x=3.0)], loss_of)
    (path,) = Summary().write(study, campaign)
    before = path.read_text()

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        Summary().write(study, campaign)
    monkeypatch.undo()
    assert path.read_text() == before
    assert not [p for p in study.folder.iterdir() if p.name.endswith(".new")]
