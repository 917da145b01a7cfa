"""A campaign for other tools: the whole of it as JSON and back, its tables, its experiments."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from fakes import call_study, loss_of, move, work

from nightlab import __version__
from nightlab.campaign import Campaign
from nightlab.remember.events import KINDS
from nightlab.remember.ledger import Entry
from nightlab.remember.record import Record
from nightlab.remember.table import Schema, format_table, parse_table
from nightlab.report.experiments import best_sentence, experiments_table
from nightlab.report.export import export_json, read_export, results_table
from nightlab.report.paired import history_of
from nightlab.report.status import show
from nightlab.study import Study
from nightlab.types import (
    Decision,
    Direction,
    History,
    Job,
    Measurement,
    NightlabError,
    Outcome,
    Purpose,
    Run,
    Trial,
    Verdict,
)


def measure(job: Job) -> Measurement | dict[str, float]:
    if job.parameters["x"] > 4:
        return Measurement(job.run, Outcome.CRASH, detail="boom | \x1b[31mred")
    return loss_of(job)


IDEAS = [move("größer | x", x=1.0), move(x=-1.0), move(x=4.5), move(x=0.0), move(x=3.0, y=-1.0)]


@pytest.fixture
def worked(tmp_path: Path) -> tuple[Study, Campaign]:
    """Two sessions, with keeps, discards, a crash and a refusal."""
    study = call_study(tmp_path / "study")
    work(study, IDEAS[:2], measure)
    campaign, _, _ = work(study, IDEAS[2:], measure)
    assert campaign.state.refused and all(campaign.state.decisions.values())
    return study, campaign


def exported(campaign: Campaign) -> str:
    return "".join(export_json(campaign.tag, campaign.ledger.read(campaign.tag)))


def folded(entries: list[Entry]) -> Record:
    record = Record()
    for entry in entries:
        record.apply(entry)
    return record


# -- json ----------------------------------------------------------------------------------------


def test_the_events_of_an_export_are_the_campaign(worked: tuple[Study, Campaign]) -> None:
    _, campaign = worked
    tag, entries = read_export(exported(campaign))
    assert tag == campaign.tag
    assert entries == list(campaign.ledger.read(tag))
    record = folded(entries)
    assert history_of(record) == campaign.history
    assert (record.order, record.refused) == (campaign.state.order, campaign.state.refused)


def test_a_campaign_that_was_only_begun_is_exported(tmp_path: Path) -> None:
    study = call_study(tmp_path / "study")
    study.begin("toy", study.ledger())
    campaign = study.campaign("toy")
    _, entries = read_export(exported(campaign))
    assert history_of(folded(entries)) == campaign.history


def test_the_document_is_strict_json_with_trials_as_show_tells_them(
    worked: tuple[Study, Campaign],
) -> None:
    _, campaign = worked

    def never(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    data = json.loads(exported(campaign), parse_constant=never)
    assert list(data) == ["format", "nightlab", "campaign", "events", "trials"]
    assert (data["format"], data["nightlab"], data["campaign"]) == (1, __version__, "toy")
    history = campaign.history
    told = [show(history, trial) for trial in (history.baseline, *history.trials)]
    assert data["trials"] == json.loads(json.dumps(told))
    assert {"id", "at", "kind"} <= data["events"][0].keys()
    assert data["events"][0]["kind"] == "campaign_began"


def test_no_event_has_a_field_of_the_names_that_an_export_adds() -> None:
    for event in KINDS.values():
        assert not {"id", "at", "kind"} & {item.name for item in fields(event)}


def test_a_document_is_a_line_an_event_and_a_line_a_trial(worked: tuple[Study, Campaign]) -> None:
    _, campaign = worked
    lines = exported(campaign).splitlines()
    events = list(campaign.ledger.read("toy"))
    assert len(lines) == len(events) + len(campaign.history.trials) + 4


def changed(text: str, **change: object) -> str:
    return json.dumps(json.loads(text) | change)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda text: "", "not JSON"),
        (lambda text: text[:-20], "not JSON"),
        (lambda text: "[" * 100_000, "not JSON"),
        (lambda text: "[]", "not an export"),
        (lambda text: changed(text, format="1"), "not an export"),
        (lambda text: changed(text, format=2), "newer than this Nightlab's 1; upgrade"),
        (lambda text: changed(text, campaign=None), "these are missing"),
        (lambda text: changed(text, events=[]), "these are missing"),
        (lambda text: changed(text, events=[7]), "event 1 is not a mapping"),
        (lambda text: changed(text, events=[{"id": 1}]), "event 1 needs id, at and kind"),
        (lambda text: text.replace("campaign_began", "campaign_ended"), "unknown kind"),
        (lambda text: text.replace('"branch"', '"brunch"', 1), "event 1: .*brunch"),
        (lambda text: text.replace('"why":', '"id":'), r"event \d+ needs|event \d+ .*why"),
        (lambda text: text.replace('{"id":2,', '{"id":1,'), "the event with id 1 is out of order"),
    ],
)
def test_something_else_is_refused_in_one_line(
    wrong: object, says: str, worked: tuple[Study, Campaign]
) -> None:
    with pytest.raises(NightlabError, match=says) as caught:
        read_export(wrong(exported(worked[1])), "night.json")  # type: ignore[operator]
    assert str(caught.value).startswith("night.json: ") and "\n" not in str(caught.value)


# -- tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", Schema)
def test_the_table_of_a_campaign_reads_back(schema: Schema, worked: tuple[Study, Campaign]) -> None:
    _, campaign = worked
    table = results_table(campaign, schema)
    assert parse_table(format_table(table)) == table
    assert [row.status for row in table.rows[1:]] == [
        campaign.state.trial(n).verdict.decision  # type: ignore[union-attr]
        for n in campaign.state.order
    ]


def test_the_table_of_a_campaign_is_its_results_file(worked: tuple[Study, Campaign]) -> None:
    study, campaign = worked
    assert format_table(results_table(campaign)) == study.results.read_text(encoding="utf-8")


# -- experiments ---------------------------------------------------------------------------------


def made(number: int, value: float | None, decision: Decision | None, summary: str = "") -> Trial:
    metrics = {"val_bpb": value} if value is not None else {}
    outcome = Outcome.OK if metrics else Outcome.CRASH
    run = Run(number + 1, number, 1, Purpose.PANEL, "", 0.0, outcome, metrics)
    verdict = Verdict(number, decision, "improvement", "") if decision else None
    return Trial(
        number, f"{number:07d}", summary=summary or f"t{number}", runs=(run,), verdict=verdict
    )


def past(*trials: Trial, best: int = 0) -> History:
    base = made(0, 1.842, None)
    full = (base, *trials)
    return History("val_bpb", Direction.MINIMIZE, (1,), base, full[best], list(trials))


def test_the_table_is_the_readmes_and_kept_is_what_a_verdict_kept() -> None:
    seven = made(7, 1.791, Decision.KEEP, "RMSNorm + SwiGLU")
    beaten = made(23, 1.814, Decision.DISCARD, "learning rate 3e-4 -> 1e-3")
    crashed = made(30, None, Decision.CRASH, "batch 1024")
    assert experiments_table(past(seven, beaten, crashed)) == (
        "| Experiment | Change | val_bpb | delta vs baseline |\n"
        "|---|---|---|---|\n"
        "| baseline | — | 1.842000 | — |\n"
        "| exp_007 | RMSNorm + SwiGLU | 1.791000 | -0.051000 ✅ |\n"
        "| exp_023 | learning rate 3e-4 -> 1e-3 | 1.814000 | -0.028000 |\n"
        "| exp_030 | batch 1024 | — | crash |\n"
    )


def test_cells_cannot_tear_the_table() -> None:
    torn = made(1, 1.9, Decision.DISCARD, "a | b\\| c\nd\x85e")
    table = experiments_table(past(torn))
    assert {line.count("|") for line in table.splitlines()} == {5}
    assert "| a &#124; b\\&#124; c d e | 1.900000 | +0.058000 |" in table


def test_a_long_campaign_shows_what_was_kept_and_the_last_twenty() -> None:
    trials = [
        made(n, 1.9 - n / 1000, Decision.KEEP if n in (3, 50) else Decision.DISCARD)
        for n in range(1, 101)
    ]
    table = experiments_table(past(*trials))
    numbers = [int(n) for n in re.findall(r"exp_(\d+)", table)]
    assert numbers == [3, 50, *range(81, 101)]
    assert table.endswith("\n78 more trials not kept: `nightlab export tsv`.\n")
    assert "more that" not in experiments_table(past(*trials[:20]))
    assert "1 more trial not kept" in experiments_table(past(*trials[:2], *trials[3:22]))


def test_trials_without_a_verdict_wait_for_it() -> None:
    assert "exp_" not in experiments_table(past(made(1, 1.0, None)))


def test_a_baseline_that_was_not_measured_has_no_value(tmp_path: Path) -> None:
    empty = replace(made(0, None, None), runs=())
    history = History("m", Direction.MINIMIZE, (1,), empty, empty, [])
    assert "| baseline | — | — | — |" in experiments_table(history)
    assert best_sentence(history) == "m: not measured yet"


def test_the_sentence_is_the_readmes() -> None:
    best = made(96, 1.751, Decision.KEEP)
    history = replace(past(best), incumbent=best)
    assert best_sentence(history) == "val_bpb: 1.842 -> 1.751, 4.9 % better (0.091 absolute)"
    assert best_sentence(past(best)) == "val_bpb: no improvement over the baseline's 1.842"
    little = made(1, 1.8415, Decision.KEEP)
    assert "0.027 % better" in best_sentence(replace(past(little), incumbent=little))
