"""A campaign: every event is safe before it acts; the branch is the incumbent; no diff is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from fakes import CALL_PROGRAM, call_study, git, loss_of, move, work

from nightlab.campaign import REFUSALS
from nightlab.change.repository import Repository
from nightlab.remember.tsv import parse_rows
from nightlab.study import Study, open_study
from nightlab.types import Decision, Idea, Job, Measurement, NightlabError, Outcome, Purpose


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return call_study(tmp_path / "study")


def test_a_keep_moves_the_branch_and_a_discard_moves_nothing(study: Study) -> None:
    before = git(study.folder, "status", "--porcelain=v1", "-b")
    campaign, why, _ = work(study, [move(x=1.0), move(x=-1.0), move(y=-1.0)], loss_of)
    assert why == "the script is over"
    verdicts = [t.verdict.decision for t in campaign.history.trials if t.verdict]
    assert verdicts == [Decision.KEEP, Decision.DISCARD, Decision.KEEP]
    log = git(study.folder, "log", "--format=%s", "autoresearch/toy").splitlines()
    assert log == [
        "exp: set {'y': -1.0} [emitter=script]",
        "exp: set {'x': 1.0} [emitter=script]",
        "study",
    ]
    assert git(study.folder, "status", "--porcelain=v1", "-b") == before
    assert git(study.folder, "rev-parse", "autoresearch/toy") == campaign.history.incumbent.commit


def test_the_message_of_a_keep_carries_the_metric_diff(study: Study) -> None:
    work(study, [move(x=1.0)], loss_of)
    body = git(study.folder, "log", "-1", "--format=%b", "autoresearch/toy")
    assert "loss: 10.002 -> 5.002 (-5, -49.99%)" in body
    assert "Kept by improvement" in body
    assert "seeds 1, 2, 3" in body


def test_every_trial_stays_reachable_and_one_row_stands_for_it(study: Study) -> None:
    campaign, _, _ = work(study, [move(x=1.0), move(x=-1.0)], loss_of)
    for trial in campaign.history.trials:
        pinned = git(study.folder, "rev-parse", f"refs/nightlab/toy/{trial.number}")
        assert pinned == trial.commit
        assert f"+x: {trial.parameters['x']}" in trial.diff
    metric, rows = parse_rows(study.results.read_text())
    assert metric == "loss"
    assert [row.commit for row in rows] == [
        t.commit[:7] for t in (campaign.history.baseline, *campaign.history.trials)
    ]
    assert "results.tsv" not in git(study.folder, "status", "--porcelain")


def test_comments_of_the_keys_file_survive(study: Study) -> None:
    campaign, _, _ = work(study, [move(x=1.5)], loss_of)
    shown = git(study.folder, "show", f"{campaign.history.incumbent.commit}:p.yaml")
    assert shown == "x: 1.5  # first\ny: 0.0"


@pytest.mark.parametrize(
    ("idea", "reason"),
    [
        (move(x=0.0), "it changes nothing"),
        (move(x=9.0), "outside float -5 to 5"),
        (move(z=1.0), "not in the space"),
        (Idea("harness", files={"sim.py": "x = 1"}), "outside the surface: sim.py"),
        (Idea("program", files={"program.md": "x"}), "outside the surface: program.md"),
    ],
)
def test_what_need_not_run_is_refused_without_a_number(
    study: Study, idea: Idea, reason: str
) -> None:
    campaign, _, proposer = work(study, [idea, move(x=1.0)], loss_of)
    assert [t.number for t in campaign.history.trials] == [1]
    assert campaign.state.refused == 1
    assert reason in proposer.refusals[0][1]


def test_a_state_that_was_measured_before_is_refused_whatever_the_way_there(study: Study) -> None:
    ideas = [move(x=1.0), move(x=0.0), move(y=-0.5), move(x=1.0, y=0.0)]
    _, _, proposer = work(study, ideas, loss_of)
    assert [reason for _, reason in proposer.refusals] == [
        "already tried: the baseline is the same",
        "already tried: trial 1 is the same",
    ]


def test_the_same_crash_is_not_tried_again_on_another_incumbent(study: Study) -> None:
    def measure(job: Job) -> Measurement | dict[str, float]:
        if job.parameters["x"] == 4.0:
            return Measurement(job.run, Outcome.CRASH, detail="boom")
        return loss_of(job)

    ideas = [move(x=4.0), move(y=-0.5), move(x=4.0)]
    campaign, _, proposer = work(study, ideas, measure)
    crashed = campaign.history.trials[0].verdict
    assert crashed is not None and crashed.reason == "boom"
    assert proposer.refusals[0][1] == "the same change crashed as trial 1"


def test_it_stops_after_too_many_refusals_in_a_row_and_says_why(study: Study) -> None:
    campaign, why, _ = work(study, [move(x=0.0)] * 50, loss_of)
    assert why.startswith(f"{REFUSALS} ideas in a row were refused; the last")
    assert "it changes nothing" in why
    assert campaign.state.refused == REFUSALS


def test_going_on_forgets_nothing_and_doubles_nothing(study: Study) -> None:
    work(study, [move(x=1.0)], loss_of)
    rows = [row[:11] for row in study.results.read_text().splitlines()]
    study.results.unlink()
    campaign, _, _ = work(study, [move(x=2.0)], loss_of)
    assert [row[:11] for row in study.results.read_text().splitlines()][: len(rows)] == rows
    history = campaign.history
    assert [t.number for t in history.trials] == [1, 2]
    runs = [run.number for trial in (history.baseline, *history.trials) for run in trial.runs]
    assert sorted(runs) == list(range(1, len(runs) + 1))


class Killed(BaseException):
    """Stands for a kill: nothing of ours may catch it and act."""


def test_a_run_that_was_in_flight_is_interrupted_and_made_again(study: Study) -> None:
    def die(job: Job) -> dict[str, float]:
        if job.trial == 1 and job.seed == 2:
            raise Killed
        return loss_of(job)

    with pytest.raises(Killed):
        work(study, [move(x=1.0)], die)
    db = sqlite3.connect(study.ledger_path)
    assert db.execute("SELECT kind FROM events ORDER BY id DESC").fetchall()[1] == ("run_started",)
    campaign, _, _ = work(study, [], loss_of)
    (trial,) = campaign.history.trials
    assert [(r.seed, r.outcome) for r in trial.runs if r.purpose is Purpose.PANEL] == [
        (2, Outcome.INTERRUPTED),
        (2, Outcome.OK),
        (3, Outcome.OK),
        (1, Outcome.OK),
    ]
    assert trial.verdict is not None and trial.verdict.decision is Decision.KEEP


def test_a_keep_that_was_written_but_not_made_is_made_on_going_on(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Repository, "pin", die)
        with pytest.raises(Killed):
            work(study, [move(x=1.0)], loss_of)
    campaign, _, _ = work(study, [], loss_of)
    assert git(study.folder, "rev-parse", "autoresearch/toy") == campaign.history.incumbent.commit
    assert (
        git(study.folder, "rev-parse", "refs/nightlab/toy/1") == campaign.history.trials[0].commit
    )


def test_a_branch_that_somebody_moved_is_left_alone(study: Study) -> None:
    work(study, [move(x=1.0)], loss_of)
    git(study.folder, "branch", "-f", "autoresearch/toy", "main")
    campaign, _, _ = work(study, [], loss_of)
    assert git(study.folder, "rev-parse", "autoresearch/toy") == campaign.history.incumbent.commit
    git(study.folder, "commit", "--allow-empty", "-qm", "mine")
    git(study.folder, "branch", "-f", "autoresearch/toy", "main")
    mine = git(study.folder, "rev-parse", "main")
    with pytest.raises(NightlabError, match="and not by Nightlab; put it back"):
        work(study, [], loss_of)
    assert git(study.folder, "rev-parse", "autoresearch/toy") == mine


def test_a_baseline_that_fails_ends_the_session_with_its_log(study: Study) -> None:
    def crash(job: Job) -> Measurement:
        return Measurement(job.run, Outcome.NO_METRIC, detail="no line `loss: <number>`")

    with pytest.raises(NightlabError, match=r"baseline does not run.*no_metric.*\.log.*--new"):
        work(study, [], crash)


def test_a_guardrail_that_names_nothing_ends_the_session(tmp_path: Path) -> None:
    program = CALL_PROGRAM.replace(
        "minimize loss", "minimize loss\nGUARDRAILS:\n- tox must stay <= 1"
    )
    study = call_study(tmp_path / "s", program)
    with pytest.raises(NightlabError, match="names no metric of the baseline; it measured: loss"):
        work(study, [move(x=1.0)], loss_of)


def test_two_at_a_time_may_be_built_beside_each_other(study: Study) -> None:
    ideas = [move(x=1.0), move(y=-1.0), move(x=2.0)]
    campaign, _, _ = work(study, ideas, loss_of, parallel=2)
    history = campaign.history
    assert history.trials[1].parent == history.baseline.commit
    lineage = [trial.number for trial in history.lineage()]
    kept = campaign.state.kept
    assert lineage[-1] == history.incumbent.number
    assert set(lineage) <= set(kept)
    tip = git(study.folder, "rev-parse", "autoresearch/toy")
    assert tip == history.incumbent.commit
    count = int(git(study.folder, "rev-list", "--count", "main..autoresearch/toy"))
    assert count == len(lineage)


def test_a_study_may_be_a_folder_in_a_repository(tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    call_study(outer / "deep" / "study")
    import shutil

    shutil.move(outer / "deep" / "study" / ".git", outer / ".git")
    (outer / "README").write_text("outer")
    git(outer, "add", "-A")
    git(outer, "commit", "-qm", "outer")
    study = open_study(outer / "deep" / "study")
    campaign, _, _ = work(study, [move(x=1.0)], loss_of)
    changed = git(outer, "diff", "--name-only", "main", "autoresearch/toy")
    assert changed == "deep/study/p.yaml"
    assert campaign.place.home == outer / ".git" / "nightlab" / "deep--study"
    assert git(outer, "status", "--porcelain") == ""


@pytest.mark.parametrize("tag", ["../../escape", "a/b", "a..b", ".hidden", "x.lock", "", "a b"])
def test_a_tag_is_a_plain_name(study: Study, tag: str) -> None:
    if tag:
        with pytest.raises(NightlabError, match="is not a tag"):
            study.begin(tag, study.ledger())
    else:
        assert study.begin(tag, study.ledger())


@pytest.mark.parametrize("view", ["results.tsv", "autoresearch-summary.md", "best/model.pt"])
def test_a_view_is_never_written_over_a_committed_file(study: Study, view: str) -> None:
    (study.folder / view).parent.mkdir(exist_ok=True)
    (study.folder / view).write_text("mine")
    git(study.folder, "add", "-A")
    git(study.folder, "commit", "-qm", "mine")
    with pytest.raises(NightlabError, match=rf"{view} is committed"):
        study.begin("toy", study.ledger())


def test_inputs_that_change_while_it_runs_keep_nothing(tmp_path: Path) -> None:
    program = CALL_PROGRAM.replace("  seeds:", "  inputs: [data]\n  seeds:")
    study = call_study(tmp_path / "s", program)
    (study.folder / "data").mkdir()
    (study.folder / "data" / "text").write_text("one")

    def meddle(job: Job) -> dict[str, float]:
        if job.trial == 1:
            (study.folder / "data" / "text").write_text("two")
        return loss_of(job)

    with pytest.raises(NightlabError, match="the inputs changed since campaign toy began"):
        work(study, [move(x=1.0)], meddle)
    campaign = study.campaign("toy")
    assert campaign.history.incumbent.number == 0
    assert list(campaign.state.open) == [1]


def test_a_trial_that_was_measured_but_not_settled_is_settled_on_going_on(tmp_path: Path) -> None:
    program = CALL_PROGRAM.replace("  seeds:", "  inputs: [data]\n  seeds:")
    study = call_study(tmp_path / "s", program)
    data = study.folder / "data"
    data.write_text("one")

    def meddle(job: Job) -> dict[str, float]:
        data.write_text("two" if job.trial == 1 else "one")
        return loss_of(job)

    with pytest.raises(NightlabError, match="the inputs changed"):
        work(study, [move(x=1.0)], meddle)
    data.write_text("one")
    campaign, why, _ = work(study, [], loss_of, trials=0)
    assert campaign.history.incumbent.number == 1
    assert why == "1 trial is done"


def test_a_policy_that_fits_no_baseline_is_told_again_on_going_on(tmp_path: Path) -> None:
    program = CALL_PROGRAM.replace(
        "minimize loss", "minimize loss\nGUARDRAILS:\n- tox must stay <= 1"
    )
    study = call_study(tmp_path / "s", program)
    for _ in range(2):
        with pytest.raises(NightlabError, match="names no metric of the baseline"):
            work(study, [move(x=1.0)], loss_of)


def test_a_baseline_that_failed_is_measured_again_and_never_waited_for(study: Study) -> None:
    """It was the machine's fault, say: the next session goes on where it is mended."""
    broken = True

    def measure(job: Job) -> Measurement | dict[str, float]:
        return Measurement(job.run, Outcome.CRASH, detail="no disk") if broken else loss_of(job)

    for _ in range(5):
        with pytest.raises(NightlabError, match="the baseline does not run"):
            work(study, [move(x=3.0)], measure, trials=1)
    broken = False
    campaign, _, _ = work(study, [move(x=3.0)], measure, trials=1)
    assert campaign.state.settled == 1 and campaign.history.baseline.failed is None
    assert campaign.history.incumbent.number == 1
