"""Reports on every kind of campaign: none, one, all kept, all crashed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fakes import call_study, loss_of, move, work

from nightlab.campaign import Campaign
from nightlab.report import Report
from nightlab.report.charts import Charts
from nightlab.report.charts.best import frontier
from nightlab.report.conformance import check_report
from nightlab.report.status import improvement_text, show, status
from nightlab.report.summary import Summary
from nightlab.report.terminal.lines import Lines
from nightlab.report.trial import trial_lines
from nightlab.study import Study
from nightlab.types import Job, Measurement, Outcome

STATUS_KEYS = {
    "study", "campaign", "state", "metric", "direction", "baseline", "incumbent", "confirmed",
    "trials", "verdicts", "refused", "runs", "seconds", "cost", "isolation", "ledger",
}  # fmt: skip
SHOW_KEYS = {
    "trial", "summary", "hypothesis", "predicted", "why", "emitter", "commit", "parent", "diff",
    "verdict", "outcome", "rule", "reason", "runs", "evidence",
}  # fmt: skip


def crash(job: Job) -> Measurement | dict[str, float]:
    if job.trial:
        return Measurement(job.run, Outcome.CRASH, detail="boom | with a bar")
    return loss_of(job)


KINDS: dict[str, tuple[list[dict[str, float]], Callable[[Job], object]]] = {
    "no trial": ([], loss_of),
    "one discard": ([{"x": -1.0}], loss_of),
    "keeps and discards": ([{"x": 1.0}, {"x": -1.0}, {"y": -1.0}, {"x": 3.0}], loss_of),
    "all crashes": ([{"x": 1.0}, {"x": 2.0}], crash),
}


@pytest.fixture(params=KINDS)
def worked(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Study, Campaign]:
    moves, measure = KINDS[request.param]
    study = call_study(tmp_path / "study")
    campaign, _, _ = work(study, [move(**values) for values in moves], measure)  # type: ignore[arg-type]
    return study, campaign


@pytest.mark.parametrize("report", [Summary(), Charts()], ids=["summary", "charts"])
def test_the_contract_holds(report: Report, worked: tuple[Study, Campaign]) -> None:
    check_report(report, *worked)


def test_show_tells_what_was_expected_and_why_it_was_proposed(tmp_path: Path) -> None:
    told = replace(move("nearer", x=1.0), predicted="improve", why="x has\n\x1b[31m helped")
    ideas = [told, replace(move(x=2.0), why="a guess"), move(y=0.5)]
    campaign, *_ = work(call_study(tmp_path / "s"), ideas, loss_of)
    shown = [show(campaign.history, trial) for trial in campaign.history.trials]
    assert [each["predicted"] for each in shown] == ["improve", "", ""]
    lines = [trial_lines(each, "loss") for each in shown]
    assert "predicted: improve; why: x has helped" in lines[0]
    assert "why: a guess" in lines[1]
    assert not any("why:" in line or "predicted" in line for line in lines[2])


def test_the_summary_has_the_tables_of_the_skill(worked: tuple[Study, Campaign]) -> None:
    Summary().write(*worked)
    text = (worked[0].folder / "autoresearch-summary.md").read_text()
    for heading in (
        "## Results",
        "| Baseline metric | Best metric | Improvement | Best commit |",
        "## Top Improvements (kept commits)",
        "## What Didn't Work",
        "## Recommended Next Steps",
        "## AutoResearch Config",
    ):
        assert heading in text
    steps = re.findall(r"^\d\. .+$", text, re.MULTILINE)
    assert 3 <= len(steps) <= 5
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {line.count("|") for line in table.splitlines()}
        assert len(widths) == 1, f"a torn table:\n{table}"


def test_the_verdict_comes_first_and_is_true(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move(x=-1.0)], loss_of)
    Summary().write(study, campaign)
    lines = (study.folder / "autoresearch-summary.md").read_text().splitlines()
    assert lines[2] == "**No improvement.** Of 1 trial none was kept; the baseline stands."
    campaign, _, _ = work(study, [move(x=3.0)], loss_of)
    Summary().write(study, campaign)
    lines = (study.folder / "autoresearch-summary.md").read_text().splitlines()
    gain = r"loss 10\.00\d* -> 1\.00\d* \(9 better, 89\.9\d%\)"
    assert re.search(rf"^\*\*{gain}, confirmed on 4 fresh seeds\*\*", lines[2])
    assert re.search(rf"The search believed {gain}", lines[2])


def test_the_chart_is_svg_and_png_that_open(worked: tuple[Study, Campaign]) -> None:
    paths = {path.suffix: path for path in Charts().write(*worked)}
    assert ElementTree.parse(paths[".svg"]).getroot().tag.endswith("svg")
    assert paths[".png"].read_bytes().startswith(b"\x89PNG")


def test_the_frontier_is_computed_from_values_and_not_from_statuses(tmp_path: Path) -> None:
    from dataclasses import replace

    from nightlab.types import Decision, Verdict

    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move(x=3.0), move(x=2.9)], loss_of)
    history = campaign.history
    simpler = replace(
        history.trials[1], verdict=Verdict(2, Decision.KEEP, "simplicity", "3 lines shorter")
    )
    points = frontier(history, [history.trials[0], simpler])
    assert [number for number, _ in points] == [0, 1]


def test_status_and_show_have_the_keys_that_scripts_rely_on(
    worked: tuple[Study, Campaign],
) -> None:
    study, campaign = worked
    told = status(study, campaign)
    assert told.keys() >= STATUS_KEYS
    assert told["state"] == "stopped"
    assert told["trials"] == sum(told["verdicts"].values())
    for trial in (campaign.history.baseline, *campaign.history.trials):
        assert show(campaign.history, trial).keys() >= SHOW_KEYS


def test_lines_tell_each_verdict_once(tmp_path: Path) -> None:
    said: list[str] = []
    study = call_study(tmp_path / "s")
    campaign, why, _ = work(study, [move(x=3.0), move(x=-1.0)], loss_of)
    lines = Lines(said.append)
    lines.begin(campaign)
    for entry in campaign.ledger.read("toy"):
        lines.event(entry.event)
    lines.end(why)
    verdicts = [line for line in said if "KEEP" in line or "DISCARD" in line]
    assert len(verdicts) == 2
    assert re.match(r"trial 1: KEEP loss 1\.00\d* \(improvement: loss improves by 9\)", verdicts[0])
    assert re.match(
        r"trial 2: DISCARD loss 17\.00\d*"
        r" \(improvement: loss is worse by 1[56]\S*, dropped after 1 seed\)",
        verdicts[1],
    )
    assert sum(line.startswith("baseline seed") for line in said) == 3
    assert sum("confirming, seed" in line for line in said) == 8
    assert sum(line.startswith("confirming the best") for line in said) == 1
    assert any(line.startswith("trial 1: measured again, seed ") for line in said)
    assert said[-2] == f"loss: {improvement_text(campaign.history)}"
    assert said[-1].startswith("confirmed: 1.00") and "on 4 fresh seeds" in said[-1]
