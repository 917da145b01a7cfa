"""What a terminal shows: it fits, says what is so, and lets nothing through that could hurt."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from fakes import InProcessRunner, ScriptedProposer, call_study, loss_of, move
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions
from rich.text import Text

from nightlab.campaign import Campaign
from nightlab.loop import run_loop
from nightlab.remember.events import (
    CampaignBegan,
    ChangeRefused,
    Event,
    RunEnded,
    RunStarted,
    SessionBegan,
    SessionEnded,
    TrialOpened,
    TrialSettled,
)
from nightlab.remember.ledger import Entry
from nightlab.remember.record import Record
from nightlab.report.terminal import scene as scene_module
from nightlab.report.terminal.ahead import ahead
from nightlab.report.terminal.block import block
from nightlab.report.terminal.live import LiveView
from nightlab.report.terminal.pace import Limits
from nightlab.report.terminal.pen import Pen, in_ascii, pen_for
from nightlab.report.terminal.plot import plot
from nightlab.report.terminal.scene import Scene, Stage
from nightlab.report.terminal.screen import Screen
from nightlab.report.terminal.view import WhileItLasts
from nightlab.stop import Stop, StopSettings
from nightlab.types import Job, Progress

SIZES = [(40, 12), (80, 24), (200, 60), (24, 5), (12, 3), (1, 1), (500, 200)]
NASTY = (
    "\x1b[31mrød\x1b[0m \x1b]0;title\x07 日本語の長い説明 " + "muy largo ñ ⚙️ " * 30 + "\u202eback"
)
NOW = 100_000.0
_FREE, _PEN = Limits(), Pen()
_SILENT: Mapping[int, Progress] = {}


class Told:
    """A record and its stage, told events at moments of a clock of its own."""

    def __init__(self, limits: Limits = _FREE, began: float = NOW) -> None:
        self.record, self.run, self.at = Record(), 0, began
        settings = {"branch": "b", "base": "c0", "program": "", "settings": {}, "policy": []}
        rest = {"inputs": "", "state": "s0", "parameters": {}, "platform": {}, "isolation": "none"}
        self.tell(
            CampaignBegan(
                metric="loss", direction="minimize", seeds=[1, 2], budget="", study="",
                **settings, **rest,
            )
        )  # fmt: skip
        self.tell(SessionBegan(1, "", ""))
        self.stage = Stage("night", self.record, limits, began)

    def tell(self, event: Event) -> None:
        self.record.apply(Entry(0, self.at, event))
        if hasattr(self, "stage"):
            self.stage.take(event)

    def start(self, trial: int, seed: int = 1) -> int:
        self.run += 1
        self.tell(RunStarted(self.run, trial, seed, "panel", "log"))
        return self.run

    def baseline(self, *values: float) -> None:
        for seed, value in enumerate(values, 1):
            run = self.start(0, seed)
            self.tell(RunEnded(run, 0, "ok", {"loss": value}, {}, 10.0))

    def open(self, trial: int, summary: str = "go") -> None:
        self.tell(
            TrialOpened(
                trial, summary, "", "search", f"c{trial}", "c0", {}, {"x": trial}, "", 0,
                f"s{trial}", f"f{trial}",
            )
        )  # fmt: skip

    def trial(self, number: int, loss: float, seconds: float = 10.0, summary: str = "go") -> None:
        """One trial, opened, run once, and settled by its value."""
        self.open(number, summary)
        run = self.start(number)
        self.at += seconds
        history = self.record.history()
        best = history.estimate(history.incumbent) or 0.0
        self.tell(RunEnded(run, number, "ok", {"loss": loss}, {}, seconds))
        kind = "keep" if loss < best else "discard"
        self.tell(TrialSettled(number, kind, "improvement", "as it was", {}, f"c{number}"))

    def scene(self, running: bool = True) -> Scene:
        return self.stage.scene(self.at, running)

    def lines(
        self,
        size: tuple[int, int] = (100, 40),
        pen: Pen = _PEN,
        said: Mapping[int, Progress] = _SILENT,
    ) -> list[str]:
        return [line.plain for line in block(self.scene(), said, size, pen, self.at)]


def shown(lines: list[Text], width: int) -> list[str]:
    """What a terminal of this width gets to see."""
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system=None)
    for line in lines:
        console.print(line)
    return screen.getvalue().splitlines()


@pytest.fixture(scope="module")
def busy() -> tuple[Scene, dict[int, Progress]]:
    """The middle of a campaign with keeps, discards, crashes and nasty words, and what runs say."""
    told = Told(Limits(trials=99, deadline=NOW + 7200, plateau=6))
    told.baseline(10.0, 10.0)
    for number in range(1, 13):
        told.trial(number, 10.0 - number if number in (2, 4, 9) else 12.0, summary=NASTY)
    told.open(13, NASTY)
    told.tell(TrialSettled(13, "crash", NASTY, NASTY, {}, "c13"))
    told.tell(ChangeRefused(NASTY, NASTY, NASTY, {}))
    said = {}
    for number in (14, 15, 16):
        told.open(number, NASTY)
        run = told.start(number, seed=3)
        said[run] = Progress(run, number / 56, {"loss": 2.25, "\x1b[2Jevil": 1.0})
    said.pop(told.run)
    told.at += 3.0
    return told.scene(), said


Busy = tuple[Scene, dict[int, Progress]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pen", [Pen(), Pen(ascii=True)], ids=["unicode", "ascii"])
def test_it_fits_whatever_the_size(busy: Busy, size: tuple[int, int], pen: Pen) -> None:
    width, height = size
    lines = block(*busy, size, pen, busy[0].at)
    assert 1 <= len(lines) <= height
    seen = shown(lines, width)
    assert len(seen) == len(lines), "no line is wrapped"
    assert all(cell_len(line) <= width for line in seen)
    text = "".join(line.plain for line in lines)
    assert text.isprintable()
    assert text.isascii() or not pen.ascii


def test_what_there_is_room_for(busy: Busy) -> None:
    def text(width: int, height: int) -> str:
        return "\n".join(line.plain for line in block(*busy, (width, height), Pen(), busy[0].at))

    small, usual, large = text(40, 11), text(80, 23), text(200, 59)
    for seen in (small, usual, large):
        assert "night  loss 10 -> 1 (" in seen and "90.00%)" in seen
        assert "trial 14 seed 3" in seen and "25%" in seen
        assert "13 trials" in seen and "3 keep" in seen
        assert "86 trials left" in seen
    assert "⣀" not in small and "⣀" in usual and "⣀" in large, "the plot goes first"
    assert usual.index("\n10 ⠉") < usual.index("\n 1 ") < usual.index("trial 16")
    assert "loss=2.25 evil=1" in usual and "9 discard, 1 crash · 1 refused · 17 runs" in usual
    assert " 13 crash   rød ]0;titl…" in small and "…" in small, "the newest stays"
    assert small.count(" discard ") < usual.count(" discard ") < large.count(" discard ") == 9
    assert "stops at " in large and "in 2 h 00 min" not in small


def test_verdicts_have_their_colours(busy: Busy) -> None:
    styles = {}
    for line in block(*busy, (100, 50), Pen(), busy[0].at):
        for kind in ("keep", "discard", "crash", "refused"):
            if line.plain[5:].strip().startswith(kind):
                styles[kind] = str(line.style)
    assert styles == {"keep": "green", "discard": "dim", "crash": "red", "refused": "dim"}


def test_the_headline_in_as_many_words_as_there_is_room_for() -> None:
    told = Told()
    assert told.lines()[0] == "night  loss is not measured yet"
    told.baseline(2.0)
    assert told.lines()[0] == "night  loss 2, the baseline so far"
    assert "measuring the baseline, 1 of 2 seeds" in told.lines()
    told.tell(RunEnded(told.start(0, 2), 0, "ok", {"loss": 3.0}, {}, 1.0))
    assert told.lines()[0] == "night  loss no improvement yet over the baseline's 2.5"
    told.trial(1, 1.0)
    assert told.lines()[0] == "night  loss 2.5 -> 1.25 (1.25 better, 50.00%)"
    assert told.lines((36, 20))[0] == "night  loss 2.5 -> 1.25 (50.00%)"
    assert told.lines((28, 20))[0] == "night  2.5 -> 1.25 (50.00%)"
    assert told.lines((12, 20))[0] == "night  1.25"


def test_what_is_left() -> None:
    told = Told(Limits(trials=10))
    told.baseline(2.0, 2.0)
    assert ahead(told.scene(), told.at) == ["10 trials left"], "no pace is known yet"
    for number in (1, 2, 3):
        told.trial(number, 3.0)
    left = ahead(told.scene(), told.at)
    assert left[:2] == ["7 trials left", "about 70 s"] and left[2].startswith("done near ")
    left = ahead(told.scene(), told.at + 5)
    assert left[1] == "about 65 s", "time goes by between trials too"
    soon = Told(Limits(trials=1000, deadline=NOW + 3600))
    soon.baseline(2.0, 2.0)
    soon.trial(1, 3.0)
    soon.trial(2, 3.0)
    left = ahead(soon.scene(), NOW + 30)
    assert left[0] == "998 trials left" and left[1].startswith("stops at ")
    assert left[2:] == ["in 60 min", "about 357 trials until then"]
    assert ahead(Told().scene(), NOW) == ["measuring the baseline, 0 of 2 seeds"]
    free = Told()
    free.baseline(2.0, 2.0)
    assert ahead(free.scene(), NOW) == ["goes on until it is stopped"]


def test_the_pace_is_that_of_this_session() -> None:
    told = Told(Limits(trials=10))
    told.baseline(2.0, 2.0)
    told.trial(1, 3.0, seconds=9999.0)
    told.trial(2, 3.0, seconds=9999.0)
    told.tell(SessionEnded("enough"))
    told.at += 1e6
    told.tell(SessionBegan(1, "", ""))
    told.stage = Stage("night", told.record, Limits(trials=10), told.at)
    assert ahead(told.scene(), told.at) == ["8 trials left"]
    told.trial(3, 3.0, seconds=2.0)
    told.trial(4, 3.0, seconds=2.0)
    assert ahead(told.scene(), told.at)[1] == "about 12 s"


def test_a_plateau_is_told_when_it_comes_near() -> None:
    told = Told(Limits(plateau=4))
    told.baseline(2.0, 2.0)
    told.trial(1, 3.0)
    assert not any("without a keep" in line for line in told.lines())
    told.trial(2, 3.0)
    assert any("2 of 4 trials without a keep" in line for line in told.lines())


def test_runs_in_flight() -> None:
    told = Told()
    told.baseline(2.0, 2.0)
    told.open(1, "wider")
    run = told.start(1, 2)
    told.at += 4
    said = {run: Progress(run, 0.5, {"loss": 1.25, "step": 100.0})}
    line = next(line for line in told.lines(said=said) if "seed 2" in line)
    assert line.startswith("trial 1 seed 2 ━")
    assert line.endswith("  50% 4 s, ~4 s left  loss=1.25 step=100  wider")
    guess = next(line for line in told.lines() if "seed 2" in line)
    assert "~40% 4 s, ~6 s left  wider" in guess, "by what the baseline took"
    narrow = next(line for line in told.lines((40, 12), said=said) if "seed 2" in line)
    assert "50% ~4 s left" in narrow
    for seed in range(3, 40):
        told.start(1, seed)
    assert any("more in flight" in line for line in told.lines((80, 23)))
    assert len(told.lines((80, 23))) <= 23
    assert any("##" in line for line in told.lines(pen=Pen(ascii=True), said=said))


def test_between_runs_and_after_the_end() -> None:
    told = Told()
    told.baseline(2.0, 2.0)
    assert "no run in flight" in told.lines()
    told.tell(ChangeRefused("nothing new", "search", "already tried", {}))
    assert any("refused" in line and "nothing new: already tried" in line for line in told.lines())
    for number in range(9):
        told.tell(ChangeRefused(f"idea {number}", "search", "already tried", {}))
    refused = [line for line in told.lines() if "already tried" in line]
    assert [line.split()[3] for line in refused] == ["8:", "7:", "6:"], "verdicts stay in sight"
    told.tell(SessionEnded("2 trials are done"))
    assert told.lines()[-1] == "stopped: 2 trials are done"
    assert "no run in flight" not in told.lines()


def test_the_plot_goes_down_in_steps() -> None:
    points = ((0, 4.0), (5, 2.0), (10, 1.0))
    drawn = plot(points, 20, 21, 4, plain=True)
    assert drawn == [
        "-----+               ",
        "     |               ",
        "     +----+          ",
        "          +----------",
    ]
    braille = plot(points, 20, 21, 4)
    assert [len(line) for line in braille] == [21] * 4
    assert all(sign == " " or 0x2800 < ord(sign) < 0x2900 for line in braille for sign in line)
    up = plot(((0, 1.0), (10, 2.0)), 10, 5, 3, plain=True)
    assert up == ["    +", "    |", "----+"]


def test_the_plot_has_the_baseline_and_the_best_beside_it() -> None:
    told = Told()
    told.baseline(2.0, 2.0)
    assert not any("⠉" in line for line in told.lines()), "flat is not drawn"
    told.trial(1, 1.0)
    told.trial(2, 3.0)
    lines = told.lines((60, 30))
    top = next(line for line in lines if line.startswith("2 ⠉"))
    assert lines[lines.index(top) + 5].startswith("1 ")
    assert lines[lines.index(top) + 6] == "  0" + "trial 2".rjust(57)


def test_the_frontier_goes_on_and_is_never_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from nightlab.report.terminal.scene import frontier

    given = 0

    def counted(history, trials):  # type: ignore[no-untyped-def]
        nonlocal given
        given += len(trials)
        return frontier(history, trials)

    monkeypatch.setattr(scene_module, "frontier", counted)
    told = Told()
    told.baseline(1000.0, 1000.0)
    for number in range(1, 301):
        told.trial(number, 1000.0 - number if number % 3 else 2000.0)
        told.lines((80, 24))
    history = told.record.history()
    assert list(told.scene().points) == frontier(history, history.trials)
    assert given <= 200, "each keep is looked at once"


def test_a_keep_out_of_order_has_its_place_on_the_frontier() -> None:
    from nightlab.report.terminal.scene import frontier

    told = Told()
    told.baseline(10.0, 10.0)
    runs = []
    for number in (1, 2):
        told.open(number)
        runs.append(told.start(number))
    for number, loss in ((2, 5.0), (1, 4.0)):
        told.tell(RunEnded(runs[number - 1], number, "ok", {"loss": loss}, {}, 1.0))
        told.tell(TrialSettled(number, "keep", "improvement", "", {}, f"c{number}"))
        told.scene()
    history = told.record.history()
    assert list(told.scene().points) == frontier(history, history.trials) == [(0, 10.0), (1, 4.0)]


def test_text_is_cut_in_cells_and_said_in_ascii_where_it_must_be() -> None:
    pen, plain = Pen(), Pen(ascii=True)
    assert pen.clip("日本語", 5) == "日本…" and cell_len(pen.clip("日本語", 4)) <= 4
    assert pen.cell("ab", 4) == "ab  " and cell_len(pen.cell("日本語", 4)) == 4
    assert plain.clip("abcdef", 5) == "ab..." and plain.clip("abcdef", 2) == "ab"
    assert plain.clean("café → ½ — 日") == "cafe -> 1?2 - ?"
    assert pen.clean("a\x1b[2Jb\tc\r\nd\u200be") == "ab c de"
    assert pen.bar(0.5, 4) == ("━━", "──") and plain.bar(0.5, 4) == ("##", "--")
    assert pen.bar(0.375, 4) == ("━╸", "──") and pen.bar(7.0, 2) == ("━━", "")
    assert in_ascii("plain") == "plain"


def test_ascii_goes_by_the_encoding_and_the_locale() -> None:
    assert pen_for("utf-8", {}) == pen_for("UTF-8", {"LANG": "C.UTF-8"}) == Pen()
    assert pen_for("ascii", {}).ascii and pen_for("iso8859-1", {"LANG": "en_US"}).ascii
    assert pen_for("utf-8", {"LC_ALL": "C", "LANG": "en_US.UTF-8"}).ascii
    assert not pen_for("utf-8", {"LC_ALL": "", "LANG": "en_US.UTF-8"}).ascii


def test_it_shows_what_runs_what_was_decided_and_why_it_stopped(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    study.begin("toy", study.ledger())
    screen = io.StringIO()
    view = LiveView(Console(file=screen, width=100, height=30, force_terminal=True))
    campaign = study.campaign("toy", view.event)
    seen: list[str] = []

    def measure(job: Job) -> dict[str, float]:
        view.progress(Progress(job.run, 0.5, {"loss": 2.25}))
        seen.append("\n".join(line.plain for line in view.draw(view.console.size)))
        return loss_of(job)

    ideas = [move("to the right", x=3.0), move("nothing", x=0.0)]
    stop = Stop(StopSettings())
    view.begin(campaign, stop)
    runner = InProcessRunner(measure)
    why = run_loop(campaign, ScriptedProposer(ideas), study.rooms.judge(), runner, stop)
    view.note("by the way")
    view.wrote([study.folder / "charts" / "history.svg"], study.folder)
    view.end(why)
    view.close()
    assert "baseline seed 1" in seen[0] and "loss=2.25" in seen[0]
    assert any("trial 1 seed 3" in frame and "to the right" in frame for frame in seen)
    assert any("trial 1 again seed " in frame for frame in seen)
    assert "baseline confirm seed " in seen[-1] and "confirming the best" in seen[-1]
    told = screen.getvalue()
    last = told[told.rindex("toy") :]
    assert re.search(r"1 keep    1\.00\d+ +to the right: loss improves by 9", last)
    assert "confirmed 1.00" in last
    assert "by the way\n" in told and last.endswith("wrote charts/history.svg\n")
    assert last.count("stopped: the script is over") == 1, "said once, in the last frame"
    assert isinstance(campaign, Campaign)


def test_a_long_reason_to_stop_is_said_whole(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    study.begin("toy", study.ledger())
    screen = io.StringIO()
    view = LiveView(Console(file=screen, width=24, height=9, force_terminal=True))
    campaign = study.campaign("toy", view.event)
    view.begin(campaign)
    campaign.begin_session(1)
    campaign.end_session("the reason is a long one, longer than the line")
    view.end("the reason is a long one, longer than the line")
    said = " ".join(screen.getvalue().split())
    assert "stopped: the reason is a long one, longer than the line" in said


REPORT = "## AutoResearch Progress — Iteration 2\n\n| Iter | Change |\n|---|---|\n| 1 | x |\n"


@pytest.mark.parametrize(
    ("size", "whole"), [((80, 40), True), ((80, 12), False), ((12, 40), False)]
)
def test_a_progress_report_is_printed_where_it_can_be_read(
    size: tuple[int, int], whole: bool
) -> None:
    screen = io.StringIO()
    view = LiveView(Console(file=screen, width=size[0], height=size[1], force_terminal=True))
    view.progress_report(REPORT, Path("autoresearch-progress.md"))
    said = screen.getvalue()
    assert ("| 1 | x |" in said) is whole
    assert ("autoresearch-progress.md" in said.replace("\n", "")) is not whole


def test_a_resize_begins_on_a_clean_screen() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, height=24, force_terminal=True)
    screen = Screen(console, lambda size: [Text("x" * size.width)], by_itself=False)
    screen.start()
    screen.refresh()
    screen.refresh()
    assert "\x1b[2J" not in file.getvalue()
    console.size = ConsoleDimensions(40, 12)
    screen.refresh()
    screen.refresh()
    screen.stop()
    drawn = file.getvalue()
    assert drawn.count("\x1b[2J") == 1
    assert "x" * 41 not in drawn.split("\x1b[2J")[1]


class Gone(io.StringIO):
    """A terminal that is no more."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_goes_away_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # it is pointed elsewhere
    screen = Screen(Console(file=Gone(), force_terminal=True), lambda _: [Text("x")], False)
    screen.refresh()
    view = LiveView(Console(file=Gone(), force_terminal=True))
    told = WhileItLasts(view)
    told.note("nobody hears this")
    assert told.view is None
    told.end("enough")
