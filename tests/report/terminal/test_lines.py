"""Plain lines and lines of JSON: every event, on one line, whatever is in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from fakes import call_study, loss_of, move, work

from nightlab.remember.events import ChangeRefused, RunEnded, TrialSettled
from nightlab.report.status import status, status_lines
from nightlab.report.terminal.json_lines import JsonLines
from nightlab.report.terminal.lines import Lines
from nightlab.report.terminal.view import View, WhileItLasts
from nightlab.types import Progress

EVIL = "\x1b[2J\x1b]0;title\x07bell\r\n\u202eback"
REPORT = "## AutoResearch Progress — Iteration 2\n\n**Best so far:** 1\n| 1 | x |\n"


def test_what_is_said_is_one_line_each(tmp_path: Path) -> None:
    said: list[str] = []
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move(EVIL, x=3.0)], loss_of)
    lines = Lines(said.append)
    lines.begin(campaign)
    for entry in campaign.ledger.read("toy"):
        lines.event(entry.event)
    lines.event(ChangeRefused(EVIL, EVIL, EVIL, {}))
    lines.event(TrialSettled(1, "discard", EVIL, EVIL, {}, "c"))
    lines.event(RunEnded(1, 1, "interrupted"))
    lines.progress(Progress(1, 0.5))
    lines.note(EVIL)
    lines.wrote([study.folder / "charts" / "history.svg", tmp_path / "else.md"], study.folder)
    lines.end(f"it failed: {EVIL}")
    assert all(line.isprintable() for line in said)
    assert said[0] == "campaign toy goes on at trial 2"
    assert f"wrote charts/history.svg, {tmp_path}/else.md" in said
    assert said[-3] == "stopped: it failed: ]0;titlebell back"
    assert said[-1].startswith("confirmed: ")
    assert "trial 1: run 1 was interrupted" in said


def test_a_progress_report_is_said_line_by_line() -> None:
    said: list[str] = []
    Lines(said.append).progress_report(REPORT, Path("autoresearch-progress.md"))
    assert said == ["", *REPORT.splitlines(), ""]


def test_json_lines_are_one_document_each(tmp_path: Path) -> None:
    said: list[str] = []
    study = call_study(tmp_path / "s")
    campaign, why, _ = work(study, [move(EVIL, x=3.0)], loss_of)
    lines = JsonLines(said.append)
    lines.begin(campaign)
    for entry in campaign.ledger.read("toy"):
        lines.event(entry.event)
    lines.progress(Progress(4, 0.5, {"loss": 1.0}))
    lines.progress_report(REPORT, Path("autoresearch-progress.md"))
    lines.note(EVIL)
    lines.wrote([study.folder / "a.md"], study.folder)
    lines.end(why)
    told = [json.loads(line) for line in said]
    assert all(line.isascii() and line.isprintable() for line in said)
    assert all(one["campaign"] == "toy" for one in told)
    events = [one["event"] for one in told]
    assert events[0] == "campaign_began"
    assert events[-5:] == ["progress", "progress_report", "note", "report", "end"]
    assert told[-4]["text"] == REPORT
    assert told[-2]["files"] == [str(study.folder / "a.md")]
    assert told[-5] | {"campaign": ""} == {
        "event": "progress", "campaign": "", "run": 4, "fraction": 0.5, "values": {"loss": 1.0},
    }  # fmt: skip


def test_a_pipe_that_is_gone_is_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # it is pointed elsewhere

    def broken(line: str) -> None:
        said.append(line)
        raise BrokenPipeError

    view: View = WhileItLasts(Lines(broken))
    view.note("one")
    view.note("two")
    view.close()
    assert said == ["one"]
    WhileItLasts(None).note("nobody")


def test_a_status_is_lines_that_harm_no_terminal(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move(x=3.0)], loss_of)
    campaign.state.stopped = EVIL
    told = {**status(study, campaign), "ledger": "/a  b\x1b[2J/ledger.db"}
    lines = status_lines(told, campaign.history)
    assert all(line.isprintable() for line in lines)
    assert lines[0].startswith("toy: stopped (")
    assert lines[-1] == "ledger: /a  b[2J/ledger.db"
