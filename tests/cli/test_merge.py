"""`nightlab merge`, as a user meets it: shown, asked, done, or refused."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import warm
from fakes import CALL_PROGRAM, GIT, call_study, git, loss_of, make_study, move, work

from nightlab.remember.lock import Lock
from nightlab.study import Study, open_study

FIXED = CALL_PROGRAM.replace("stop:", "judge: {panel: fixed, confirm: 0}\nstop:")
"""Values are those of three seeds, so that they can be told exactly."""

STAY = [move("away", x=-5.0)]
KEEPS = [move("halfway", x=1.5), move("there", x=3.0)]


def nightlab(folder: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = warm.run(folder, *words)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def error(folder: Path, *words: str) -> str:
    lines = nightlab(folder, "merge", *words, code=1).stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("nightlab: "), lines
    return lines[0]


def told(folder: Path, *words: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(nightlab(folder, "merge", "--json", *words).stdout)
    return document


def state(folder: Path) -> tuple[str, str, bytes]:
    """All refs, what git thinks of the checkout, and the index."""
    index = (folder / ".git/index").read_bytes()
    return git(folder, "for-each-ref"), git(folder, "status", "--porcelain"), index


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A campaign that kept two of its three trials, in a repository with a user."""
    study = call_study(tmp_path / "s", FIXED)
    git(study.folder, "config", "user.name", "Bob")
    git(study.folder, "config", "user.email", "bob@example.org")
    campaign, _, _ = work(study, [KEEPS[0], STAY[0], KEEPS[1]], loss_of)
    assert [trial.number for trial in campaign.history.lineage()] == [1, 3]
    return study


SHOWN = """\
campaign toy: 2 kept changes
     1  {one}  halfway  loss 3.252
     3  {two}  there    loss 1.002
loss: 10.002 -> 1.002 (9 better, 89.98%)
"""


def shown(folder: Path) -> str:
    two, one = git(folder, "log", "-2", "--format=%h", "--abbrev=7", "autoresearch/toy").split()
    return SHOWN.format(one=one, two=two)


def test_without_a_terminal_it_shows_and_asks_for_flags(study: Study) -> None:
    before = state(study.folder)
    done = nightlab(study.folder, "merge", code=1)
    assert done.stdout == shown(study.folder)
    flags = "`nightlab merge --squash --yes`, or --rebase --yes; --dry-run only looks"
    assert done.stderr == f"nightlab: say how: {flags}\n"
    for words in (["--squash"], ["--rebase"], ["--squash", "--json"]):
        assert error(study.folder, *words).endswith(f"there is no terminal to ask on: {flags}")
    assert error(study.folder, "--yes").endswith(flags)
    assert nightlab(study.folder, "merge", "--json", code=1).stdout == ""
    both = nightlab(study.folder, "merge", "--squash", "--rebase", "--yes", code=2)
    assert "not both" in both.stderr
    assert state(study.folder) == before


def test_a_squash(study: Study) -> None:
    folder = study.folder
    (folder / "notes.txt").write_text("mine\n")
    before = git(folder, "rev-parse", "main")
    said = nightlab(folder, "merge", "--squash", "--yes").stdout
    after = git(folder, "rev-parse", "main")
    assert said == shown(folder) + (
        f"main moved from {before[:12]} to {after[:12]}, with its files in {folder};"
        f" nothing was pushed\n`git -C {folder} reset --keep {before[:12]}` takes it back\n"
    )
    message = git(folder, "log", "-1", "--format=%B")
    assert message.startswith(
        "autoresearch toy: loss 10.002 -> 1.002 (89.98% better), 2 kept changes\n\n- "
    )
    assert "(trial 3): loss 1.002\n\nMeasured on seeds 1, 2, 3, in a campaign of 3 trials.\n" in (
        message
    )
    assert "\nBy `sim:evaluate`. The changes were chosen by these values.\n" in message
    assert (folder / "p.yaml").read_text() == "x: 3.0  # first\ny: 0.0\n"
    assert git(folder, "status", "--porcelain") == "?? notes.txt"
    undo = said.split("`")[1].split()
    subprocess.run(undo, check=True, capture_output=True)
    assert git(folder, "rev-parse", "main") == before
    assert (folder / "p.yaml").read_text() == "x: 0.0  # first\ny: 0.0\n"


def test_a_rebase_and_a_campaign_that_goes_on(study: Study) -> None:
    folder = study.folder
    document = told(folder, "--rebase", "--yes")
    assert document["after"] == git(folder, "rev-parse", "main", "autoresearch/toy").split()[1]
    assert git(folder, "log", "--format=%s").splitlines() == [
        "exp: there [emitter=script]",
        "exp: halfway [emitter=script]",
        "study",
    ]
    again = nightlab(folder, "merge", "--rebase", "--yes").stdout
    assert again.count("(on main already)") == 2
    brought = git(folder, "rev-parse", "main")[:7]
    assert again.endswith(f"main has all of it already, brought by {brought}; nothing to merge\n")
    work(open_study(folder), [move("lower", y=-1.0)], loss_of)
    said = nightlab(folder, "merge", "--squash", "--yes").stdout
    assert said.count("(on main already)") == 2
    assert "loss 1.002 -> 0.00" in git(folder, "log", "-1", "--format=%s")
    assert git(folder, "rev-list", "--count", "main") == "4"


def test_json_of_a_squash(study: Study) -> None:
    folder = study.folder
    before = git(folder, "rev-parse", "main")
    one, two = (git(folder, "rev-parse", f"autoresearch/toy{at}") for at in ("^", ""))
    wanted = {
        "campaign": "toy",
        "into": "main",
        "how": "squash",
        "metric": "loss",
        "before": before,
        "unmeasured": [],
        "dry_run": True,
        "after": None,
    }
    planned = told(folder, "--squash", "--dry-run")
    assert {key: planned[key] for key in wanted} == wanted
    assert git(folder, "rev-parse", "main") == before
    document = told(folder, "--squash", "--yes")
    after = git(folder, "rev-parse", "main")
    wanted |= {"after": after, "dry_run": False}
    assert {key: document[key] for key in wanted} == wanted
    assert document.keys() - wanted.keys() == {"commits", "baseline", "incumbent"}
    assert document["baseline"] == pytest.approx(10.002)
    assert document["incumbent"] == {"trial": 3, "value": pytest.approx(1.002), "commit": two}
    assert document["commits"] == [
        {"trial": number, "commit": commit, "summary": summary, "value": value, "merged": False}
        for number, commit, summary, value in (
            (1, one, "halfway", pytest.approx(3.252)),
            (3, two, "there", pytest.approx(1.002)),
        )
    ]
    document = told(folder)
    assert (document["before"], document["after"], document["how"]) == (after, None, None)
    assert [commit["merged"] for commit in document["commits"]] == [True, True]  # type: ignore


def test_a_dry_run_says_what_either_way_would_do(study: Study) -> None:
    folder = study.folder
    before = state(folder)
    said = nightlab(folder, "merge", "--dry-run").stdout
    base = git(folder, "rev-parse", "--short=7", "main")
    where = f"would move main (checked out in {folder}) from {base} forward by"
    assert f"squash: {where} 1 commit:\n    autoresearch toy: loss 10.002" in said
    assert "\n    Nightlab-Incumbent: " in said
    assert (
        f"rebase: {where} the 2 commits as they are:\n    exp: halfway [emitter=script]\n"
        "    exp: there [emitter=script]\n"
        "  files it touches, and that would follow there: p.yaml\n"
    ) in said
    git(folder, "switch", "-q", "-c", "elsewhere")
    only = nightlab(folder, "merge", "--dry-run", "--rebase", "--yes").stdout
    assert "squash:" not in only
    assert "would move main (not checked out anywhere)" in only
    assert "in git alone; no checkout would change: p.yaml" in only
    git(folder, "switch", "-q", "main")
    git(folder, "branch", "-D", "elsewhere")
    (folder / "p.yaml").write_text("x: 9.0\n")
    said = nightlab(folder, "merge", "--dry-run").stdout
    assert said.count(f"can't be: not committed in {folder}, and touched by the merge: p.yaml") == 2
    assert "commit or stash them first" in error(folder, "--dry-run", "--squash")
    told(folder, "--dry-run")
    git(folder, "restore", "p.yaml")
    assert state(folder)[:2] == before[:2]


def test_a_branch_that_is_not_checked_out(study: Study) -> None:
    folder = study.folder
    git(folder, "switch", "-q", "-c", "topic")
    before = git(folder, "rev-parse", "main")
    said = nightlab(folder, "merge", "--squash", "--yes").stdout
    assert f"`git branch -f main {before[:12]}` takes it back\n" in said
    assert "with its files" not in said
    assert git(folder, "status", "--porcelain") == ""
    subprocess.run([*GIT, "branch", "-f", "main", before[:12]], cwd=folder, check=True)
    said = nightlab(folder, "merge", "--squash", "--yes", "--into", "topic").stdout
    assert f"with its files in {folder}" in said
    assert git(folder, "rev-parse", "main") == before
    assert "there is no branch nope here; there are: main, topic" in error(folder, "--into", "nope")
    assert "is a campaign's branch" in error(folder, "--into", "autoresearch/toy")


def test_what_was_not_measured_is_listed(study: Study) -> None:
    folder = study.folder
    for number in range(22):
        git(folder, "commit", "-q", "--allow-empty", "-m", f"work {number}")
    said = nightlab(folder, "merge", "--squash", "--yes").stdout
    caution = (
        "22 commits on main were not part of what was measured, so the metric of the merged result"
        " is unmeasured"
    )
    last = git(folder, "rev-parse", "--short=7", "main^")
    assert f"note: {caution}:\n  {last}  work 21\n" in said
    assert "work 2\n  and 2 more\n" in said
    assert caution in git(folder, "log", "-1", "--format=%B")
    assert len(told(folder)["unmeasured"]) == 22  # type: ignore[arg-type]


def test_a_conflict_and_a_dirty_file_are_one_line_each(study: Study) -> None:
    folder = study.folder
    (folder / "p.yaml").write_text("x: 9.0\n")
    before = state(folder)
    for how in ("--squash", "--rebase"):
        assert "touched by the merge: p.yaml; commit or stash" in error(folder, how, "--yes")
    assert state(folder) == before
    git(folder, "commit", "-qam", "mine")
    before = state(folder)
    for how in ("--squash", "--rebase"):
        assert error(folder, how, "--yes").endswith(
            "autoresearch/toy and main both changed p.yaml: merge autoresearch/toy by hand, or"
            " begin a new campaign from main"
        )
    assert state(folder) == before
    assert (folder / "p.yaml").read_text() == "x: 9.0\n"


def test_a_campaign_that_kept_nothing(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    assert "no campaign yet" in error(study.folder)
    work(study, STAY, loss_of)
    before = state(study.folder)
    for words in ([], ["--squash", "--yes"], ["--dry-run"]):
        said = nightlab(study.folder, "merge", *words).stdout
        assert said == "campaign toy has kept no change; there is nothing to merge\n"
    document = told(study.folder)
    assert (document["commits"], document["after"], document["into"]) == ([], None, None)
    assert "there is no campaign 'other'; there are: toy" in error(study.folder, "--tag", "other")
    assert state(study.folder) == before


def test_a_running_campaign_is_merged_as_of_now(study: Study) -> None:
    lock = Lock(study.home / "lock")
    lock.acquire("toy")
    try:
        said = nightlab(study.folder, "merge", "--squash", "--yes").stdout
    finally:
        lock.release()
    assert "note: toy is running and goes on; this is its incumbent as of now\n" in said
    assert git(study.folder, "rev-list", "--count", "main") == "2"


def test_an_earlier_campaign_by_its_tag(study: Study) -> None:
    work(study, [move("low", y=-1.0)], loss_of, tag="second")
    assert told(study.folder, "--dry-run")["campaign"] == "second"
    document = told(study.folder, "--tag", "toy", "--squash", "--yes")
    assert document["campaign"] == "toy"
    assert (study.folder / "p.yaml").read_text() == "x: 3.0  # first\ny: 0.0\n"
    assert "both changed p.yaml" in error(study.folder, "--tag", "second", "--squash", "--yes")


def test_nightlab_goes_on_after_a_merge(study: Study) -> None:
    nightlab(study.folder, "merge", "--squash", "--yes")
    nightlab(study.folder, "run", "--trials", "1")
    assert json.loads(nightlab(study.folder, "status", "--json").stdout)["trials"] == 4


def test_a_study_in_a_folder_without_a_user(tmp_path: Path) -> None:
    inner = call_study(tmp_path / "inner").folder
    files = {f"lab/{p.name}": p.read_text() for p in inner.iterdir() if p.is_file()}
    top = make_study(tmp_path / "top", {**files, "other.txt": "1\n"})
    git(top, "config", "user.name", "")
    work(open_study(top / "lab"), KEEPS, loss_of)
    (top / "other.txt").write_text("dirty\n")
    said = nightlab(top / "lab", "merge", "--squash", "--yes").stdout
    assert "note: git knows no user here, so Nightlab <nightlab@localhost> signs new" in said
    assert git(top, "diff", "--name-only", "main^", "main") == "lab/p.yaml"
    assert git(top, "log", "-1", "--format=%an <%ae>") == "Nightlab <nightlab@localhost>"
    assert git(top, "status", "--porcelain") == "M other.txt"


def test_the_command_that_is_told_to_whom_is_elsewhere(study: Study) -> None:
    """A folder with a blank in its name is quoted."""
    folder = study.folder.parent / "a b"
    study.folder.rename(folder)
    said = nightlab(folder, "merge", "--squash", "--yes").stdout
    assert f"`git -C '{folder}' reset --keep" in said


# -- on a terminal ------------------------------------------------------------------------------


def _heed_ctrl_c() -> None:
    """As on a terminal, also where the tests run in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Terminal:
    """`nightlab merge` with a terminal of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        import pty

        self.main, other = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nightlab", "merge", *words],
            cwd=folder,
            stdin=other,
            stdout=other,
            stderr=other,
            close_fds=True,
            start_new_session=True,
            preexec_fn=_heed_ctrl_c,
        )
        os.close(other)
        self.said = ""
        self._new = ""

    def _read(self) -> bool:
        assert self.has_more(120), f"it hangs, having said: {self.said}"
        try:
            text = os.read(self.main, 4096).decode().replace("\r\n", "\n")
        except OSError:  # how Linux says that nobody is at the other end
            text = ""
        self.said += text
        self._new += text
        return bool(text)

    def has_more(self, seconds: float) -> bool:
        """Whether it says something, or ends, within this time."""
        return bool(select.select([self.main], [], [], seconds)[0])

    def interrupt(self) -> None:
        """Ctrl-C. One that comes just before the read is lost on Python, so till it answers."""
        os.killpg(self.process.pid, signal.SIGINT)
        while not self.has_more(10):
            os.killpg(self.process.pid, signal.SIGINT)

    def answer(self, question: str, text: str) -> None:
        """Wait for a question, and type."""
        while question not in self._new:
            assert self._read(), self.said
        self._new = self._new.split(question, 1)[1]
        os.write(self.main, text.encode())

    def end(self) -> int:
        """What it exits with, having said all it had to say."""
        while self._read():
            pass
        os.close(self.main)
        return self.process.wait(timeout=60)


QUESTION = "Squash into main, rebase onto main, or keep as is? (squash, rebase, keep) [keep]: "


@pytest.mark.parametrize(("answer", "count"), [("squash", 2), ("REBASE", 3), ("s", 2), ("r", 3)])
def test_it_asks_on_a_terminal(study: Study, answer: str, count: int) -> None:
    terminal = Terminal(study.folder)
    terminal.answer(QUESTION, "sideways\n")
    terminal.answer("'sideways' is none of squash, rebase, keep\n", "")
    terminal.answer(QUESTION, f"{answer}\n")
    assert terminal.end() == 0, terminal.said
    assert terminal.said.startswith(shown(study.folder))
    assert "nothing was pushed" in terminal.said
    assert git(study.folder, "rev-list", "--count", "main") == str(count)
    assert (study.folder / "p.yaml").read_text() == "x: 3.0  # first\ny: 0.0\n"


@pytest.mark.parametrize("answer", ["", "keep", "k", "keep as is", "no"])
def test_it_keeps_as_is_unless_told_otherwise(study: Study, answer: str) -> None:
    before = state(study.folder)
    terminal = Terminal(study.folder)
    terminal.answer(QUESTION, f"{answer}\n")
    assert terminal.end() == 0, terminal.said
    assert terminal.said.endswith("kept as it is; nothing was merged\n")
    assert state(study.folder) == before


def test_with_a_flag_it_asks_yes_or_no(study: Study) -> None:
    before = state(study.folder)
    terminal = Terminal(study.folder, "--squash")
    terminal.answer("Squash into main? [y/N]: ", "\n")
    assert (terminal.end(), state(study.folder)) == (0, before)
    terminal = Terminal(study.folder, "--rebase")
    terminal.answer("Rebase onto main? [y/N]: ", "y\n")
    assert terminal.end() == 0, terminal.said
    assert git(study.folder, "rev-list", "--count", "main") == "3"


@pytest.mark.parametrize("words", [[], ["--squash"]])
def test_ctrl_c_at_the_question_does_nothing(study: Study, words: list[str]) -> None:
    before = state(study.folder)
    terminal = Terminal(study.folder, *words)
    terminal.answer("]: ", "")
    terminal.interrupt()
    assert terminal.end() == 130
    assert terminal.said.endswith("nightlab: stopped; nothing was merged\n")
    assert state(study.folder) == before


def test_what_cannot_be_done_is_not_asked(study: Study) -> None:
    (study.folder / "p.yaml").write_text("x: 9.0\n")
    before = state(study.folder)
    terminal = Terminal(study.folder)
    assert terminal.end() == 1
    assert "Squash" not in terminal.said and "touched by the merge: p.yaml" in terminal.said
    assert state(study.folder) == before


@pytest.mark.parametrize("words", [["--squash", "--yes"], ["--dry-run"], ["--json", "--dry-run"]])
def test_nothing_is_asked_where_nothing_is_to_be_asked(study: Study, words: list[str]) -> None:
    terminal = Terminal(study.folder, *words)
    assert terminal.end() == 0, terminal.said
    assert "]:" not in terminal.said
    assert nightlab(study.folder, "merge", "--squash", "--yes").stdout
    terminal = Terminal(study.folder)
    assert terminal.end() == 0 and "nothing to merge" in terminal.said


def test_json_never_asks(study: Study) -> None:
    for words in ([], ["--squash"]):
        terminal = Terminal(study.folder, "--json", *words)
        assert terminal.end() == 1
        assert terminal.said.startswith("nightlab: ")
