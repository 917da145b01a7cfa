"""What runs printed and changes wrote stays text in every report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fakes import CALL_PROGRAM, call_study, loss_of, move, work
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from nightlab.campaign import Campaign
from nightlab.report.charts import Charts
from nightlab.report.experiments import experiments_table
from nightlab.report.markdown import inert, table
from nightlab.report.notebook import Notebook
from nightlab.report.progress import progress_text
from nightlab.report.status import show, status, status_lines
from nightlab.report.summary import summary_text
from nightlab.report.terminal.lines import Lines
from nightlab.study import Study
from nightlab.types import Job, Measurement, Outcome

EVIL = (
    "<img src=x onerror=alert(1)> ![a](http://evil.example/x.png) [click](javascript:alert(1))"
    " ``` <b>`</b> <!-- [a][b] | $x_1 \x1b[31mred\x1b[0m\x1b]0;title\x07 \u202egnp\u200b\x00"
    "\n# heading\n\n<script>alert(1)</script>\n[b]: http://evil.example\n- item\r| a | b |"
)
READER = MarkdownIt("commonmark", {"html": True}).enable("table")
ACTIVE = {"html_block", "html_inline", "link_open", "image"}


def active(text: str) -> set[str]:
    """What of a Markdown text a reader would not show as text."""
    found = set()
    for token in READER.parse(text):
        found |= {each.type for each in (token, *(token.children or ()))}
    return found & ACTIVE


@pytest.fixture
def worked(tmp_path: Path) -> tuple[Study, Campaign]:
    """A crash, a discard and a keep, each with a summary that wants more than to be read."""

    def measure(job: Job) -> Measurement | dict[str, float]:
        if job.trial == 1:
            return Measurement(job.run, Outcome.CRASH, detail=EVIL)
        return loss_of(job)

    program = CALL_PROGRAM.replace("stop:", "judge: {confirm: 0}\nstop:")
    study = call_study(tmp_path / "study", program)
    ideas = [move(EVIL, x=-4.0), move(EVIL, x=-3.0), move(EVIL, x=4.9)]
    campaign, _, _ = work(study, ideas, measure)
    return study, campaign


def test_the_reader_of_this_test_sees_what_is_active() -> None:
    assert active(EVIL) == ACTIVE


def test_no_report_has_html_links_or_images_of_others(worked: tuple[Study, Campaign]) -> None:
    study, campaign = worked
    assert campaign.state.kept == [3]
    for text in (
        summary_text(study, campaign),
        progress_text(study, campaign),
        experiments_table(campaign.history),
    ):
        assert "onerror" in text, "it is there, as text"
        assert active(text) == set()
        assert all(sign.isprintable() or sign == "\n" for sign in text)
        assert len(re.findall(r"^# ", text, re.MULTILINE)) <= 1, "no heading of its own"
        for rows in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            assert len({row.count("|") for row in rows.splitlines()}) == 1


def test_nothing_reaches_a_terminal_that_could_move_it(worked: tuple[Study, Campaign]) -> None:
    study, campaign = worked
    said: list[str] = []
    lines = Lines(said.append)
    lines.begin(campaign)
    for entry in campaign.ledger.read(campaign.tag):
        lines.event(entry.event)
    said += status_lines(status(study, campaign), campaign.history)
    told = show(campaign.history, campaign.history.trials[0], study.rooms.judge(), [])
    said += [told["summary"], told["reason"], told["hypothesis"]]
    said += [run["detail"] for run in told["runs"]]
    assert any("onerror" in line for line in said)
    assert all(line.isprintable() for line in said)


def test_charts_and_notebooks_are_made_of_it_as_text(worked: tuple[Study, Campaign]) -> None:
    study, campaign = worked
    for path in Charts().write(study, campaign):
        if path.suffix == ".svg":
            drawn = path.read_text()
            assert not re.search(r"<(script|img)\b", drawn) and "onerror=" not in re.sub(
                r">[^<]*<", "><", drawn
            )
    for path in Notebook().write(study, campaign):
        if path.suffix == ".ipynb":
            assert "onerror" not in path.read_text(), "it reads the table, and quotes nothing"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no line `loss: <number>` was printed", "no line `loss: <number>` was printed"),
        ("a < b", "a &lt; b"),
        ("set [1, 2](3)", "set [1, 2]\\(3)"),
        ("one ` alone <b>", "one &#96; alone &lt;b>"),
        ("``` <b> `", "&#96;&#96;&#96; &lt;b> &#96;"),
        ("\\` <b> `", "\\&#96; &lt;b> &#96;"),
    ],
)
def test_spans_of_code_stay_where_there_is_no_doubt(text: str, expected: str) -> None:
    assert inert(text) == expected


SIGNS = st.text("<>[]()!`\\ab/:|&;#*_\n ", max_size=40)


@given(SIGNS, SIGNS)
def test_no_text_is_active(one: str, other: str) -> None:
    assert active(f"- Said: {inert(one)}, and {inert(other)}.\n") <= set()
    assert active(table(["a", "b"], [[one, other]])) == set()
