"""autoresearch-progress.md: the form of the skill, and nothing in it that is made up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import CALL_PROGRAM, InProcessRunner, ScriptedProposer, call_study, loss_of, move, work

from nightlab.loop import run_loop
from nightlab.remember.events import Event, TrialSettled
from nightlab.report.conformance import check_report
from nightlab.report.direction import direction
from nightlab.report.progress import NAME, Progress, progress_text, write_progress
from nightlab.report.terminal.session import Session
from nightlab.report.terminal.view import WhileItLasts
from nightlab.stop import Stop, StopSettings
from nightlab.study import Study
from nightlab.types import Decision, Job, Measurement, Outcome, Trial, Verdict

FORM = re.compile(
    r"""\#\#\ AutoResearch\ Progress\ —\ Iteration\ (?P<n>\d+)\n
\n
\*\*Best\ so\ far:\*\*\ (?P<best>.+)\n
\*\*vs\.\ Baseline:\*\*\ (?P<delta>.+)\n
\*\*Iterations:\*\*\ (?P<done>\d+)\ completed\ /\ (?P<max>\d+|unlimited)\n
\*\*Time\ elapsed:\*\*\ (?P<elapsed>\d\d+:\d\d)\n
\n
\*\*Recent\ results\ \(last\ 5\):\*\*\n
\|\ Iter\ \|\ Commit\ \|\ Metric\ \|\ Status\ \|\ Change\ \|\n
\|-+\|-+\|-+\|-+\|-+\|\n
(?P<rows>(?:\|.*\|\n)*)
\n
\*\*Current\ direction:\*\*\ (?P<direction>.+)\n""",
    re.VERBOSE,
)


def crash_on_three(job: Job) -> Measurement | dict[str, float]:
    if job.trial == 3:
        return Measurement(job.run, Outcome.CRASH, detail="boom | bang")
    return loss_of(job)


def short(text: str) -> str:
    """Values without their last digits, which hang on how noise is weighed."""
    return re.sub(r"(\d\.\d\d)\d+", r"\1", text)


def read(text: str) -> dict[str, str]:
    found = FORM.fullmatch(text)
    assert found, text
    return found.groupdict()


def test_the_form_of_the_skill(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    ideas = [move("a | b\x1b[2J", x=1.0), move("back", x=-1.0), move("bad", x=2.0)]
    ideas += [move("y too", y=-1.0), move("right", x=3.0), move("over", x=4.0)]
    campaign, _, _ = work(study, ideas, crash_on_three)
    told = read(progress_text(study, campaign))
    commits = [trial.commit[:7] for trial in campaign.history.trials]
    assert (told["n"], told["done"], told["max"]) == ("6", "6", "unlimited")
    assert short(told["best"]) == f"0.00 (iteration 5, commit {commits[4]})"
    assert re.fullmatch(r"-10 \(-99\.9\d%\)", told["delta"])
    assert told["elapsed"] == "00:00"
    assert short(told["rows"]).splitlines() == [
        f"| 6 | {commits[5]} | 1.00 | discard | over |",
        f"| 5 | {commits[4]} | 0.00 | keep | right |",
        f"| 4 | {commits[3]} | 4.00 | keep | y too |",
        f"| 3 | {commits[2]} | — | crash | bad |",
        f"| 2 | {commits[1]} | 17.00 | discard | back |",
    ]
    assert told["direction"] == (
        "The last 5 trials moved x (2 discarded, 1 kept, 1 crashed) and y (1 kept)."
    )
    campaign, _, _ = work(study, [], crash_on_three, trials=2)
    assert read(progress_text(study, campaign))["max"] == "8", "--trials N means N more"


def test_a_bar_in_a_summary_tears_no_table(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move("a | b\x1b[2J\nc" + "x" * 99, x=1.0)], loss_of)
    (row,) = read(progress_text(study, campaign))["rows"].splitlines()
    assert row.count("|") == 6 and "a / b c" in row and row.endswith("… |") and row.isprintable()


def test_before_the_first_trial_and_without_improvement(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s", CALL_PROGRAM.replace("stop: {trials: 5}\n", ""))
    study.begin("toy", study.ledger())
    told = read(progress_text(study, study.campaign("toy")))
    assert (told["best"], told["delta"], told["max"]) == ("not measured yet",) * 2 + ("unlimited",)
    assert told["direction"] == "No change has been tried yet."
    campaign, _, _ = work(study, [move(x=-1.0)], loss_of)
    told = read(progress_text(study, campaign))
    base = campaign.history.baseline.commit[:7]
    assert told["best"] == f"10.002 (iteration 0, the baseline, commit {base})"
    assert told["delta"] == "0 (0%)"


def test_larger_is_better_where_it_is_maximized(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s", CALL_PROGRAM.replace("minimize loss", "maximize loss"))
    campaign, _, _ = work(study, [move(x=-1.0)], loss_of)
    delta = read(progress_text(study, campaign))["delta"]
    assert re.fullmatch(r"\+7 \(\+69\.9\d%\)", delta)


def trial(number: int, decision: Decision | None = None, **given: object) -> Trial:
    verdict = Verdict(number, decision, "rule", "reason") if decision else None
    return replace(Trial(number, f"c{number}", summary="go"), verdict=verdict, **given)


DIFF = "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-x\n+y\n"


@pytest.mark.parametrize(
    ("open_trials", "last", "said"),
    [
        (
            [trial(7, emitter="search", moved={"x": 2.5, "deep": True}, hypothesis="It pays.")],
            [],
            "Trial 7 (search) moves x to 2.5 and deep to True: go. Hypothesis: It pays.",
        ),
        ([trial(3, diff=DIFF)], [], "Trial 3 edits train.py: go."),
        (
            [trial(n, moved={"x": n}) for n in range(6)],
            [],
            "Trial 0 moves x to 0: go. Trial 1 moves x to 1: go. Trial 2 moves x to 2: go."
            " Trial 3 moves x to 3: go. 2 more trials are open.",
        ),
        (
            [],
            [trial(1, Decision.CRASH, diff=DIFF)],
            "The last trial moved train.py (1 crashed).",
        ),
        (
            [trial(4, moved={"x": 1})],
            [trial(n, Decision.KEEP, moved={"x": 1}) for n in (1, 2)],
            "Trial 4 moves x to 1: go. The last 2 trials moved x (2 kept).",
        ),
    ],
)
def test_the_direction_is_told_from_what_is_tried(
    open_trials: Sequence[Trial], last: Sequence[Trial], said: str
) -> None:
    assert direction(open_trials, last) == said


def test_nothing_in_the_direction_can_move_a_cursor() -> None:
    evil = "\x1b[2J\x07evil\n\nline"
    wild = trial(1, summary=evil, hypothesis=evil, emitter=evil, moved={evil: evil})
    assert direction([wild], [wild]).isprintable()


def test_the_contract_of_reports_holds(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move(x=3.0)], loss_of)
    check_report(Progress(), study, campaign)
    assert list(Progress().write(study, campaign)) == [study.folder / NAME]


def test_it_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    path = write_progress(study, "one\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    path.unlink()
    path.symlink_to(elsewhere)
    assert write_progress(study, "two — …\n").read_text(encoding="utf-8") == "two — …\n"
    assert elsewhere.read_text() == "mine", "a link is replaced, not followed"
    path.unlink()
    path.mkdir()
    (path / "in the way").touch()
    before = sorted(study.folder.iterdir())
    with pytest.raises(OSError):
        write_progress(study, "three")
    assert sorted(study.folder.iterdir()) == before, "nothing is left lying about"


class Heard:
    """A view that remembers what it was told."""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.notes: list[str] = []
        self.order: list[str] = []
        self.files: list[Path] = []

    def begin(self, campaign: object, stop: object = None) -> None: ...

    def event(self, event: Event) -> None:
        if isinstance(event, TrialSettled):
            self.order.append(f"trial {event.trial}")

    def progress(self, progress: object) -> None: ...

    def progress_report(self, text: str, path: Path) -> None:
        self.reports.append(text)
        self.order.append("report")

    def note(self, line: str) -> None:
        self.notes.append(line)

    def wrote(self, files: Sequence[Path], folder: Path) -> None:
        self.files = list(files)

    def end(self, why: str) -> None: ...

    def close(self) -> None: ...


def session(study: Study, heard: Heard, trials: int) -> Session:
    """A session of so many trials more, told to `heard`."""
    ledger = study.ledger()
    if "toy" not in ledger.campaigns():
        study.begin("toy", ledger)
    told = Session(study, WhileItLasts(heard))
    campaign = study.campaign("toy", told.event)
    stop = Stop(StopSettings(), more=trials)
    told.take_up(campaign)
    stop.begin(campaign)
    told.begin(stop)
    done = campaign.state.settled
    ideas = [move(f"idea {n}", x=n / 100) for n in range(done + 1, done + 1 + trials)]
    run_loop(campaign, ScriptedProposer(ideas), study.rooms.judge(), InProcessRunner(loss_of), stop)
    return told


def every(number: int) -> str:
    return CALL_PROGRAM.replace(
        "stop: {trials: 5}", f"report: {{with: [summary], every: {number}}}"
    )


def test_it_is_told_every_so_many_settled_trials_of_the_campaign(tmp_path: Path) -> None:
    study, heard = call_study(tmp_path / "s", every(2)), Heard()
    session(study, heard, 3)
    assert heard.order == ["trial 1", "trial 2", "report", "trial 3"]
    assert read(heard.reports[0])["max"] == "3", "--trials N means N more"
    session(study, heard, 2)
    assert heard.order[4:] == ["trial 4", "report", "trial 5"]
    told = read((study.folder / NAME).read_text(encoding="utf-8"))
    assert (told["n"], told["max"]) == ("4", "5")


def test_never_is_never(tmp_path: Path) -> None:
    study, heard = call_study(tmp_path / "s", every(0)), Heard()
    session(study, heard, 3)
    assert heard.reports == [] and not (study.folder / NAME).exists()


def test_a_report_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path: Path) -> None:
    study, heard = call_study(tmp_path / "s", every(1)), Heard()
    (study.folder / NAME / "in the way").mkdir(parents=True)
    told = session(study, heard, 3)
    assert told.campaign is not None and told.campaign.state.settled == 3
    assert len(heard.notes) == 1 and "progress report could not be written" in heard.notes[0]
    assert heard.reports == []


def test_reports_are_written_where_anything_was_learned(tmp_path: Path) -> None:
    study, heard = call_study(tmp_path / "s", every(0)), Heard()
    told = session(study, heard, 0)
    assert told.learned and told.write_reports() == []
    assert heard.files == [study.folder / "autoresearch-summary.md"]
    again = Heard()
    told = session(study, again, 0)
    assert not told.learned and told.write_reports() == []
    assert again.files == []


def test_a_report_that_fails_is_told_and_harms_nothing(tmp_path: Path) -> None:
    program = every(0).replace("[summary]", '[summary, "nowhere:Report"]')
    study, heard = call_study(tmp_path / "s", program), Heard()
    told = session(study, heard, 1)
    (line,) = told.write_reports()
    assert "nowhere" in line
    assert (study.folder / "autoresearch-summary.md").is_file()


def test_a_baseline_that_breaks_the_policy_is_told_once(tmp_path: Path) -> None:
    rule = "PRIMARY: minimize loss\nGUARDRAILS:\n- loss must stay <= -5"
    program = CALL_PROGRAM.replace("PRIMARY: minimize loss", rule)
    assert rule in program
    study, heard = call_study(tmp_path / "s", program), Heard()
    session(study, heard, 2)
    (said,) = [note for note in heard.notes if "the baseline itself breaks the policy" in note]
    assert "(loss is " in said and "loss must stay <= -5" in said
