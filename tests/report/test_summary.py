"""The summary: true on every kind of campaign, and its commands make the best again."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import (
    CALL_PROGRAM,
    COMMAND_PROGRAM,
    SIM,
    TRAIN,
    call_study,
    command_study,
    git,
    loss_of,
    make_study,
    move,
    work,
)

from nightlab.report.markdown import table
from nightlab.report.summary import Summary, summary_text
from nightlab.study import Study, open_study
from nightlab.types import Idea, Job, Measurement, Outcome


def section(text: str, heading: str) -> str:
    return re.split(f"## {heading}.*\n", text)[1].split("\n## ")[0]


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
    assert told[1].startswith("The best stands at the end of a range: x (4.95, near the highest of")
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
    program = CALL_PROGRAM.replace(
        "seeds: [1, 2, 3]", "seeds: [1, 2, 3]\n  parallel: 2\n  isolation: none"
    )
    study = call_study(tmp_path / "s", program.replace("stop:", "judge: {keep: any}\nstop:"))
    campaign, _, _ = work(study, [move(x=3.0)], loss_of)
    told = section(summary_text(study, campaign), "What may be wrong with these numbers")
    for part in (
        "not an optimum", "the same 3 seeds (1, 2, 3)", "stays flattered", "noise included",
        "not sandboxed", "2 runs shared the machine",
    ):  # fmt: skip
        assert part in told


def threats_of(study: Study, isolation: str = "none", **seconds: float) -> str:
    """What a campaign of two trials says of itself, run so confined; `seconds` of its training."""

    def measure(job: Job) -> dict[str, float]:
        x = float(job.parameters.get("x", job.parameters.get("X", 0.0)))
        took = seconds.get("trial" if job.trial else "base")
        timed = {} if took is None else {"train_seconds": took + job.seed % 10 / 100}
        return {"loss": (x - 3) ** 2 + job.seed % 10 / 1000, **timed}

    name = "X" if study.settings.change.block == "train.py" else "x"
    campaign, _, _ = work(study, [move(**{name: 2.0}), move(**{name: 2.5})], measure)
    assert campaign.state.began is not None and campaign.state.kept == [1, 2]
    campaign.state.isolation = isolation
    return summary_text(study, campaign)


@pytest.mark.parametrize(
    ("isolation", "said"),
    [
        ("none", "Runs were not sandboxed: a change could have read or written elsewhere on the"),
        ("landlock", "names of files stayed visible"),
        ("bubblewrap", ""),
    ],
)
def test_how_runs_were_confined_is_told(isolation: str, said: str, tmp_path: Path) -> None:
    text = threats_of(call_study(tmp_path / "s"), isolation)
    told = section(text, "What may be wrong with these numbers")
    assert f"- Sandbox: {isolation}\n" in text
    assert said in told and ("sandboxed" in told) == bool(said)


@pytest.mark.parametrize(
    ("surface", "reported"),
    [
        ("keys: p.yaml", False),
        ("files: [p.yaml]\n  keys: p.yaml", False),
        ("files: [sim.py, p.yaml]\n  keys: p.yaml", True),
        ("block: sim.py", True),
    ],
)
def test_a_call_whose_code_may_be_edited_is_self_reported(
    surface: str, reported: bool, tmp_path: Path
) -> None:
    program = CALL_PROGRAM.replace("keys: p.yaml", surface)
    study = call_study(tmp_path / "s", program, f"x = 0.0\ny = 0.0\n{SIM}")
    told = section(threats_of(study), "What may be wrong with these")
    assert ("self-reported: the code that may be edited" in told) == reported


def halves(folder: Path, run: str, change: str = "files: [train.py]\n  block: train.py") -> Study:
    program = COMMAND_PROGRAM.replace(
        "  train: python train.py\n", f"  train: python train.py\n{run}"
    )
    program = program.replace("files: [train.py]\n  block: train.py", change)
    return open_study(make_study(folder, {"program.md": program, "train.py": TRAIN, "e.py": SIM}))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("", "self-reported: the script that may be edited prints it"),
        ("  evaluate: python e.py\n", "reads the candidate's artifacts itself"),
        ("  evaluate: python e.py\n  serve: python train.py\n", ""),
    ],
)
def test_who_measures_is_told(run: str, said: str, tmp_path: Path) -> None:
    text = threats_of(halves(tmp_path / "s", run))
    told = section(text, "What may be wrong with these numbers")
    assert said in told
    assert ("self-reported" in told) + ("artifacts itself" in told) == bool(said)


@pytest.mark.parametrize(
    ("budget", "trial", "said"),
    [
        ("2000 steps", 21.0, "Trial 1 trains 2.1 times, trial 2 trains 2.1 times as long as the"
         " baseline; its budget in steps is kept by the script that may be edited."),
        ("10M tokens", 21.0, "its budget in tokens is kept by the script that may be edited."),
        ("", 21.0, "no `run.budget` binds the script that may be edited."),
        ("10M tokens", 14.0, ""),
        ("19 s", 15.2, ""),
    ],
)  # fmt: skip
def test_keeps_that_train_longer_are_named(
    budget: str, trial: float, said: str, tmp_path: Path
) -> None:
    run = f"  budget: {budget}\n" if budget else ""
    study = halves(tmp_path / "s", run)
    told = section(threats_of(study, base=10.0, trial=trial), "What may be wrong with these")
    assert said in told and ("as long as the baseline" in told) == bool(said)


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


def test_a_harness_that_changed_between_campaigns_is_told(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    assert "don't compare" not in threats(folder, "one")
    assert "don't compare" not in threats(folder, "two")
    (folder / "sim.py").write_text((folder / "sim.py").read_text() + "\n# other\n")
    git(folder, "commit", "-qam", "another harness")
    said = threats(folder, "three")
    assert "sim.py changed since the campaign before this one (autoresearch/two)" in said


def threats(folder: Path, tag: str) -> str:
    """What the summary says of a new campaign of one trial."""
    study = open_study(folder)
    study.run(tag=tag, trials=1)
    return summary_text(study, study.campaign(tag))
