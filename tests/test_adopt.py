"""A session of another tool becomes a campaign: to report on, and to go on with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import git
from typer.testing import CliRunner

import nightlab
from nightlab.adopt import adopt
from nightlab.cli import app
from nightlab.remember.table import format_table, parse_table
from nightlab.report.build import write_reports
from nightlab.report.export import results_table
from nightlab.report.status import status
from nightlab.report.summary import summary_text
from nightlab.study import Study, open_study
from nightlab.types import NightlabError, Purpose

TRAIN = """\
import os, random

RATE = {rate}  # how far a step goes
WIDTH = {width}

noise = random.Random(int(os.environ.get("NIGHTLAB_SEED", "1"))).gauss(0, 0.001)
print("val_bpb:", 1 + (RATE - 0.3) ** 2 + 1 / WIDTH + noise)
"""


@pytest.fixture(autouse=True)
def _come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`nightlab -C` goes elsewhere, in this process too."""
    monkeypatch.chdir(tmp_path)


PROSE = "# autoresearch\n\nLOOP FOREVER: change train.py, run it, keep what is better.\n"


def score(rate: float, width: int) -> float:
    return float(1 + (rate - 0.3) ** 2 + 1 / width)


def session(folder: Path, schema: str = "karpathy") -> Path:
    """A checkout as karpathy/autoresearch leaves it: kept commits on a branch, and a table."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "master")
    (folder / "program.md").write_text(PROSE)
    (folder / ".gitignore").write_text("results.tsv\n")
    rows = []

    def tried(rate: float, width: int, status: str, what: str) -> None:
        (folder / "train.py").write_text(TRAIN.format(rate=rate, width=width))
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", what)
        commit = git(folder, "rev-parse", "--short=7", "HEAD")
        value, memory = f"{score(rate, width):.6f}", "1.5"
        if status == "crash":
            value, memory = ("0.000000", "0.0") if schema == "karpathy" else ("—", "—")
        name = "baseline" if schema == "skill" and not rows else commit
        rows.append(f"{name}\t{value}\t{memory}\t{status}\t{what}")
        if status != "keep":
            git(folder, "reset", "-q", "--hard", "HEAD~1")

    tried(0.9, 4, "keep", "baseline")
    git(folder, "switch", "-qc", "autoresearch/mar5")
    tried(0.9, 8, "keep", "double the width")
    tried(0.1, 8, "discard", "a small rate")
    tried(0.9, 9000, "crash", "far too wide")
    tried(0.5, 8, "keep", "a middling rate")
    memory = "memory_gb" if schema == "karpathy" else "mem_gb"
    text = "\n".join([f"commit\tval_bpb\t{memory}\tstatus\tdescription", *rows]) + "\n"
    (folder / "results.tsv").write_text(text)
    return folder


def as_study(folder: Path) -> Study:
    """What a user does: on the old base, `init script`, and commit program.md."""
    git(folder, "switch", "-q", "master")
    words = ["init", "script", str(folder), "--yes", "--train", "python train.py"]
    words += ["--metric", "val_bpb", "--minimize", "--budget", "1 min", "--seeds", "1,2"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output + str(done.exception)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "program")
    return open_study(folder)


def test_init_keeps_the_prose_of_a_program_that_was_there(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    text = (study.folder / "program.md").read_text()
    assert text.startswith(PROSE.rstrip())
    assert study.program.title == "autoresearch"
    assert "LOOP FOREVER" in study.program.prose
    assert set(study.settings.change.space) == {"RATE", "WIDTH"}


@pytest.mark.parametrize("schema", ["karpathy", "skill"])
def test_every_row_becomes_a_trial_with_its_change(tmp_path: Path, schema: str) -> None:
    study = as_study(session(tmp_path / "s", schema))
    adopted = adopt(study, study.results)
    assert (adopted.tag, adopted.trials, adopted.kept, adopted.found) == ("mar5", 4, 2, 4)
    assert adopted.goes_on and adopted.notes == ()
    campaign = study.campaign("mar5")
    history = campaign.history
    assert history.baseline.parameters == {"RATE": 0.9, "WIDTH": 4}
    assert [t.verdict.decision.value for t in history.trials if t.verdict] == [
        "keep", "discard", "crash", "keep",
    ]  # fmt: skip
    assert [dict(t.moved) for t in history.trials] == [
        {"WIDTH": 8}, {"RATE": 0.1}, {"WIDTH": 9000}, {"RATE": 0.5},
    ]  # fmt: skip
    assert "+WIDTH = 8" in history.trials[0].diff
    assert history.incumbent.number == 4
    assert history.estimate(history.incumbent) == pytest.approx(score(0.5, 8))
    gain = history.gain(history.incumbent, history.baseline)
    assert gain == pytest.approx(score(0.9, 4) - score(0.5, 8))
    assert git(study.folder, "for-each-ref", "--count=9", "refs/nightlab/mar5").count("\n") == 3


def test_the_table_can_be_written_again_as_it_was(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    before = parse_table(study.results.read_text())
    adopt(study, study.results)
    again = results_table(study.campaign("mar5"))
    assert parse_table(format_table(again)).rows == before.rows
    assert (study.home / "imported" / "mar5.tsv").read_bytes() == study.results.read_bytes()


def test_there_is_a_report_and_it_says_whose_numbers_they_are(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    adopt(study, study.results)
    campaign = study.campaign("mar5")
    text = summary_text(study, campaign)
    assert "**val_bpb 1.61 -> 1.165" in text
    assert (
        "The first 4 trials came with results.tsv, verdicts and all, as another tool wrote it"
        in text
    )
    assert "Measured by another tool, with seeds" in text
    assert write_reports(study, campaign)


def test_it_goes_on_and_measures_both_ends_again_first(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    adopt(study, study.results)
    best = git(study.folder, "rev-parse", "autoresearch/mar5")
    campaign, why = study.run(tag="mar5", trials=2)
    assert why == "6 trials are done"
    history = campaign.history
    runs = sorted((run.number, run.trial, run.seed) for t in (history.baseline, *history.trials)
                  for run in t.runs if run.seed >= 0)  # fmt: skip
    first = next(at for at, (_, trial, _) in enumerate(runs) if trial > 4)
    before = [(trial, seed) for _, trial, seed in runs[:first]]
    assert before[:2] == [(0, 1), (0, 2)]
    assert {trial for trial, _ in before} == {0, 4} and len(before) >= 5
    again = (run for run in history.trials[3].runs if run.purpose is Purpose.REPLICATE)
    fresh = {str(run.seed) for run in again}
    assert all(trial.verdict and trial.verdict.rule != "imported" for trial in history.trials[4:])
    first_met = history.trials[4].verdict
    assert first_met is not None and set(first_met.evidence["differences"]) <= fresh
    tip = git(study.folder, "rev-parse", "autoresearch/mar5")
    assert tip == history.incumbent.commit
    assert git(study.folder, "merge-base", tip, best) == best
    metric, rows = (
        parse_table(study.results.read_text()).metric,
        parse_table(study.results.read_text()).rows,
    )
    assert metric == "val_bpb" and len(rows) == 7
    assert rows[2].description == "a small rate" and rows[2].value == pytest.approx(score(0.1, 8))


def test_what_was_tried_by_the_other_tool_is_not_tried_again(tmp_path: Path) -> None:
    from fakes import ScriptedProposer, move

    study = as_study(session(tmp_path / "s"))
    adopt(study, study.results)
    proposer = ScriptedProposer([move(RATE=0.9), move(RATE=0.5), move(RATE=0.4)])
    campaign, _ = study.run(tag="mar5", proposer=proposer)
    reasons = [reason for _, reason in proposer.refusals]
    assert reasons == ["already tried: trial 1 is the same", "it changes nothing"]
    assert len(campaign.history.trials) == 5


def test_a_session_whose_commits_are_gone_is_for_reading(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    lines = study.results.read_text().splitlines()
    gone = [line if n < 1 else f"{n:07x}" + line[7:] for n, line in enumerate(lines)]
    study.results.write_text("\n".join(gone) + "\n")
    adopted = adopt(study, study.results)
    assert adopted.found == 0 and not adopted.goes_on and adopted.tag != "mar5"
    campaign = study.campaign(adopted.tag)
    assert campaign.history.trials[0].commit == "0000002"
    assert summary_text(study, campaign) and write_reports(study, campaign)
    with pytest.raises(NightlabError, match=r"0000005 of the imported best is not in this repo"):
        study.run(tag=adopted.tag, trials=1)


def test_a_keep_that_was_worse_than_the_best_is_pointed_out(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    text = study.results.read_text().replace(f"{score(0.5, 8):.6f}", "1.600000")
    study.results.write_text(text)
    (note,) = adopt(study, study.results).notes
    assert note.startswith("line 6: ") and "worse than the 1.485 kept before it" in note


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not the header"),
        ("commit\tval_bpb\tmemory_gb\tstatus\tdescription\n", "no row but the header"),
        ("commit\tloss\tmemory_gb\tstatus\tdescription\na\t1\t1\tkeep\tb\n", "is about loss"),
        ("commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc\t1.0", "torn"),
        ("commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc\t—\t1\tkeep\tb\n", ":2: a kept row"),
        ("commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc\tnan\t1\tkeep\tb\n", ":2:"),
    ],
)
def test_foreign_and_torn_files_are_refused_and_nothing_is_made(
    tmp_path: Path, text: str, message: str
) -> None:
    study = as_study(session(tmp_path / "s"))
    refs = git(study.folder, "for-each-ref")
    study.results.write_text(text)
    with pytest.raises(NightlabError, match=message) as caught:
        adopt(study, study.results)
    assert "\n" not in str(caught.value)
    assert study.tags() == [] and git(study.folder, "for-each-ref") == refs
    assert study.results.read_text() == text


def test_the_same_file_is_not_imported_twice_by_accident(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    adopt(study, study.results)
    with pytest.raises(NightlabError, match="imported before, as campaign mar5"):
        adopt(study, study.results)
    assert adopt(study, study.results, "again").tag == "again"
    with pytest.raises(NightlabError, match="choose another --tag"):
        adopt(study, study.results, "again")


def test_from_the_command_line(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    run = CliRunner()
    said = run.invoke(app, ["-C", str(study.folder), "import", "results.tsv"]).output
    assert "campaign mar5: 4 trials imported, 2 kept" in said
    assert "go on with `nightlab run --tag mar5`" in said
    told = json.loads(run.invoke(app, ["-C", str(study.folder), "status", "--json"]).output)
    assert (told["trials"], told["state"], told["why"]) == (
        4, "stopped", "imported from results.tsv",
    )  # fmt: skip
    shown = run.invoke(app, ["-C", str(study.folder), "show", "1"]).output
    assert "run 2 (imported): ok, val_bpb 1.485" in shown
    assert nightlab.Study.open(study.folder).best.trial == 4


def test_a_commit_that_stands_in_two_rows_is_no_trouble(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    lines = study.results.read_text().splitlines()
    first = lines[2].split("\t")[0]
    twice = [line if n < 3 else first + line[7:] for n, line in enumerate(lines)]
    study.results.write_text("\n".join(twice) + "\n")
    campaign = study.campaign(adopt(study, study.results).tag)
    assert [trial.number for trial in campaign.history.lineage()] == [1, 4]
    assert summary_text(study, campaign)


def test_the_results_file_follows_when_both_ends_are_measured_again(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    adopt(study, study.results)
    study.run(tag="mar5", trials=1)
    again = format_table(results_table(study.campaign("mar5")))
    assert study.results.read_text() == again
    study.results.unlink()
    write_reports(study, study.campaign("mar5"))
    assert study.results.read_text() == again


def test_a_baseline_that_is_not_here_is_said_to_be_replaced(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    lines = study.results.read_text().splitlines()
    study.results.write_text("\n".join([lines[0], "fffffff" + lines[1][7:], lines[3]]) + "\n")
    (note,) = adopt(study, study.results).notes
    assert "fffffff, is not here" in note and "HEAD" in note


def test_a_baseline_that_crashed_stays_in_the_table(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    lines = study.results.read_text().splitlines()
    cells = lines[1].split("\t")
    lines[1] = "\t".join([cells[0], "0.000000", "0.0", "crash", "baseline"])
    study.results.write_text("\n".join(lines) + "\n")
    before = parse_table(study.results.read_text())
    adopt(study, study.results)
    assert parse_table(format_table(results_table(study.campaign("mar5")))).rows == before.rows


def test_a_campaign_that_was_only_imported_claims_no_runs_of_its_own(tmp_path: Path) -> None:
    study = as_study(session(tmp_path / "s"))
    adopt(study, study.results)
    campaign = study.campaign("mar5")
    assert status(study, campaign)["runs"] == 0
    assert "with seeds and on a machine that its table doesn't name" in summary_text(
        study, campaign
    )
