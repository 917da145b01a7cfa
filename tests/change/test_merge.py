"""Merging, on real git: what goes in, what stays, and what is refused with nothing done."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pygit2
import pytest

from nightlab.change.merge import How, Merge
from nightlab.change.repository import Repository
from nightlab.change.target import find_target
from nightlab.types import (
    Decision,
    Direction,
    History,
    NightlabError,
    Outcome,
    Purpose,
    Run,
    Trial,
    Verdict,
)

BOTH = tuple(How)
FILES = {
    "train.py": "A = 1\n\n\n\nB = 1\n\n\n\nC = 1\n",
    "notes.txt": "one\n",
    "tool.sh": "#!/bin/sh\n",
    "old/x.py": "x\n",
}


def git(folder: Path, *words: str, user: str = "Ada") -> str:
    done = subprocess.run(
        ["git", "-c", f"user.name={user}", "-c", f"user.email={user}@example.org", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def everything(*folders: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of these folders, objects and index included, with its mode and its bytes."""
    found = {}
    for path in (path for folder in folders for path in folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = (0, str(path.readlink()).encode())
        elif path.is_file():
            found[str(path)] = (path.stat().st_mode, path.read_bytes())
    return found


def refs(folder: Path) -> dict[str, str]:
    lines = git(folder, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split() for line in lines)


def edited(**constants: int) -> str:
    """train.py with other constants."""
    values = {"A": 1, "B": 1, "C": 1, **constants}
    return "\n\n\n\n".join(f"{name} = {value}" for name, value in values.items()) + "\n"


class Bench:
    """A repository on main, checked out, and a campaign that keeps what it is told to."""

    def __init__(self, folder: Path, files: dict[str, str] = FILES, study: str = "") -> None:
        self.top = folder
        folder.mkdir()
        git(folder, "init", "-q", "-b", "main")
        write(folder, files)
        (folder / "tool.sh").chmod(0o755)
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "study")
        git(folder, "config", "user.name", "Bob")
        git(folder, "config", "user.email", "Bob@example.org")
        self.repository = Repository(folder / study)
        self.base = git(folder, "rev-parse", "HEAD")
        self.trials: list[Trial] = [Trial(0, self.base, runs=(run(0, 4.0),))]
        self.branch = "autoresearch/t"
        git(folder, "branch", self.branch)

    def keep(self, files: dict[str, str | None], value: float, parent: int = -1) -> Trial:
        """Keep a change of these files, built on the incumbent or on another trial."""
        number, below = len(self.trials), self.trials[parent]
        edits = {name: None if text is None else text.encode() for name, text in files.items()}
        summary = f"change {number}"
        commit = self.repository.commit(below.commit, edits, f"exp: {summary}\n\nKept.\n")
        trial = Trial(number, commit, below.commit, summary, runs=(run(number, value),))
        verdict = Verdict(number, Decision.KEEP, "improvement", "better")
        self.trials.append(replace(trial, verdict=verdict))
        self.repository.pin(f"refs/nightlab/t/{number}", commit)
        git(self.top, "update-ref", f"refs/heads/{self.branch}", commit)
        return self.trials[-1]

    @property
    def history(self) -> History:
        baseline, *trials = self.trials
        return History("loss", Direction.MINIMIZE, (1,), baseline, self.trials[-1], trials)

    @property
    def incumbent(self) -> str:
        return self.trials[-1].commit

    def merge(self, into: str | None = None) -> Merge:
        target = find_target(self.repository, self.base, ["autoresearch"], into)
        return Merge(self.repository, self.branch, self.history, target, "By hand.")

    def on_main(self, files: dict[str, str], message: str = "work on main") -> str:
        """A commit of the user's on main, which is checked out."""
        write(self.top, files)
        git(self.top, "add", "--", *files)
        git(self.top, "commit", "-qm", message)
        return git(self.top, "rev-parse", "main")

    def off_main(self) -> None:
        """Leave main, so that no checkout has it."""
        git(self.top, "switch", "-q", "-c", "elsewhere")

    def file(self, commit: str, name: str = "train.py") -> str:
        return git(self.top, "show", f"{commit}:{name}") + "\n"

    def tree(self, commit: str) -> str:
        return git(self.top, "rev-parse", f"{commit}^{{tree}}")

    def subjects(self, commit: str = "main") -> list[str]:
        return git(self.top, "log", "--format=%s", "--reverse", commit).splitlines()

    def refuses(self, merging: Merge, how: How, match: str) -> None:
        """It says why on one line, looking and landing, and every byte stays as it was."""
        if (self.top / "train.py").exists():
            os.utime(self.top / "train.py", (1, 1))  # git would like to refresh its index
        before = everything(self.top)
        for attempt in (merging.look, merging.land):
            with pytest.raises(NightlabError, match=match) as error:
                attempt(how)
            assert "\n" not in str(error.value)
        assert everything(self.top) == before


def run(trial: int, value: float) -> Run:
    return Run(trial + 1, trial, 1, Purpose.PANEL, "", 0.0, Outcome.OK, {"loss": value})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Two changes kept, each of a line of its own."""
    bench = Bench(tmp_path / "s")
    bench.keep({"train.py": edited(A=2)}, 3.0)
    bench.keep({"train.py": edited(A=2, B=2)}, 2.0)
    return bench


# -- onto a branch that stayed where it was -----------------------------------------------------


def test_a_squash_is_one_commit_with_the_files_of_the_incumbent(bench: Bench) -> None:
    merging = bench.merge()
    assert (merging.into, merging.reached.number, len(merging.left)) == ("main", 0, 2)
    after = merging.land(How.SQUASH)
    assert refs(bench.top)["refs/heads/main"] == after
    assert git(bench.top, "rev-list", "--parents", "-1", after).split() == [after, bench.base]
    assert bench.tree(after) == bench.tree(bench.incumbent)
    who = git(bench.top, "log", "-1", "--format=%an %ae %cn %ce", after)
    assert who == "Bob Bob@example.org Bob Bob@example.org"
    one, two = (trial.commit for trial in bench.trials[1:])
    assert git(bench.top, "log", "-1", "--format=%B", after) == (
        "autoresearch t: loss 4 -> 2 (50.00% better), 2 kept changes\n\n"
        f"- {one[:7]} change 1 (trial 1): loss 3\n"
        f"- {two[:7]} change 2 (trial 2): loss 2\n\n"
        "Measured on seeds 1, in a campaign of 2 trials.\nBy hand.\n\n"
        f"Nightlab-Incumbent: {two}"
    )
    assert git(bench.top, "status", "--porcelain") == ""
    assert (bench.top / "train.py").read_text() == edited(A=2, B=2)


def test_a_rebase_onto_what_did_not_move_brings_the_commits_themselves(bench: Bench) -> None:
    merging = bench.merge()
    assert merging.look(How.REBASE).as_they_are
    assert merging.land(How.REBASE) == bench.incumbent == refs(bench.top)["refs/heads/main"]
    assert bench.subjects() == ["study", "exp: change 1", "exp: change 2"]
    assert git(bench.top, "status", "--porcelain") == ""
    assert (bench.top / "train.py").read_text() == edited(A=2, B=2)


@pytest.mark.parametrize("how", BOTH)
def test_a_branch_that_is_not_checked_out_moves_alone(bench: Bench, how: How) -> None:
    bench.off_main()
    write(bench.top, {"train.py": "dirty\n", "new.txt": "untracked\n"})
    before, files = refs(bench.top), everything(bench.top)
    after = bench.merge().land(how)
    assert refs(bench.top) == {**before, "refs/heads/main": after}
    now = everything(bench.top)
    changed = {name.removeprefix(f"{bench.top}/") for name in now if now[name] != files.get(name)}
    made = {".git/refs/heads/main", ".git/logs/refs/heads/main"}
    assert {name for name in changed if "objects" not in name} == made
    assert not files.keys() - now.keys()


def test_a_detached_head_is_no_obstacle(bench: Bench) -> None:
    git(bench.top, "switch", "-q", "--detach")
    after = bench.merge().land(How.SQUASH)
    assert refs(bench.top)["refs/heads/main"] == after
    assert git(bench.top, "rev-parse", "HEAD") == bench.base
    assert (bench.top / "train.py").read_text() == FILES["train.py"]


def test_looking_writes_nothing_at_all(bench: Bench) -> None:
    bench.on_main({"train.py": edited(C=5)})
    before = everything(bench.top)
    merging = bench.merge()
    assert not merging.done
    for how in BOTH:
        preview = merging.look(how)
        assert preview.files == ("train.py",) and not preview.as_they_are
        assert len(preview.messages) == (1 if how is How.SQUASH else 2)
    assert preview.messages[0].startswith("exp: change 1")
    assert everything(bench.top) == before


@pytest.mark.parametrize("how", BOTH)
def test_files_come_and_go_with_their_modes(tmp_path: Path, how: How) -> None:
    bench = Bench(tmp_path / "s")
    bench.keep({"tool.sh": "#!/bin/sh\ntrue\n", "old/x.py": None, "new/a b.py": "new\n"}, 3.0)
    bench.merge().land(how)
    assert os.access(bench.top / "tool.sh", os.X_OK)
    assert (bench.top / "new/a b.py").read_text() == "new\n"
    assert not (bench.top / "old").exists()
    assert git(bench.top, "status", "--porcelain") == ""


def test_a_study_in_a_folder(tmp_path: Path) -> None:
    files = {f"lab/{name}": text for name, text in FILES.items()}
    bench = Bench(tmp_path / "s", {**files, "tool.sh": "", "other.py": "1\n"}, study="lab")
    bench.keep({"train.py": edited(A=2)}, 3.0)
    bench.on_main({"other.py": "2\n"})
    merging = bench.merge()
    assert merging.look(How.SQUASH).files == ("lab/train.py",)
    (bench.top / "lab/train.py").write_text("dirty\n")
    bench.refuses(
        merging, How.SQUASH, r"touched by the merge: lab/train.py; commit or stash them first"
    )
    git(bench.top, "restore", "lab/train.py")
    after = merging.land(How.SQUASH)
    assert (
        bench.file(after, "lab/train.py") == edited(A=2) and bench.file(after, "other.py")[0] == "2"
    )
    assert (bench.top / "lab/train.py").read_text() == edited(A=2)


def test_without_a_user_nightlab_signs(bench: Bench) -> None:
    git(bench.top, "config", "user.name", "")
    assert bench.repository.user() is None
    after = bench.merge().land(How.SQUASH)
    assert git(bench.top, "log", "-1", "--format=%an %cn", after) == "Nightlab Nightlab"


def test_a_branch_that_is_gone_is_no_obstacle(bench: Bench) -> None:
    git(bench.top, "branch", "-q", "-D", bench.branch)
    after = bench.merge().land(How.SQUASH)
    assert bench.file(after) == edited(A=2, B=2)
    assert set(refs(bench.top)) == {
        f"refs/{n}" for n in ("heads/main", "nightlab/t/1", "nightlab/t/2")
    }


def test_nothing_of_the_campaign_moves(bench: Bench) -> None:
    before = refs(bench.top)
    bench.merge().land(How.SQUASH)
    assert {**before, "refs/heads/main": ""} == {**refs(bench.top), "refs/heads/main": ""}


# -- onto a branch that went on -----------------------------------------------------------------


def test_a_squash_onto_what_moved_has_both_and_says_what_was_not_measured(bench: Bench) -> None:
    bench.on_main({"notes.txt": "two\n"}, "notes")
    ours = bench.on_main({"train.py": edited(C=5)}, "mine\n\nbody")
    merging = bench.merge()
    assert [each.summary for each in merging.unmeasured] == ["mine", "notes"]
    assert merging.unmeasured[0].commit == ours
    assert merging.caution == (
        "2 commits on main were not part of what was measured, so the metric of the merged result"
        " is unmeasured"
    )
    after = merging.land(How.SQUASH)
    assert git(bench.top, "rev-parse", f"{after}^") == ours
    assert bench.file(after) == edited(A=2, B=2, C=5) == (bench.top / "train.py").read_text()
    assert bench.file(after, "notes.txt") == "two\n"
    assert f"{merging.caution}.\n" in git(bench.top, "log", "-1", "--format=%B", after)


def test_a_rebase_onto_what_moved_replays_each_commit(bench: Bench) -> None:
    ours = bench.on_main({"train.py": edited(C=5)}, "mine")
    git(bench.top, "config", "user.name", "Cy")
    after = bench.merge().land(How.REBASE)
    assert bench.subjects() == ["study", "mine", "exp: change 1", "exp: change 2"]
    told = git(bench.top, "log", "--format=%an %cn %p", f"{ours}..{after}").splitlines()
    assert [line.split()[:2] for line in told] == [["Bob", "Cy"]] * 2
    assert all(len(line.split()) == 3 for line in told), "linear"
    assert bench.file(f"{after}^") == edited(A=2, C=5)
    assert bench.file(after) == edited(A=2, B=2, C=5) == (bench.top / "train.py").read_text()
    bodies = [git(bench.top, "log", "-1", "--format=%B", c) for c in (after, bench.incumbent)]
    assert bodies[0] == bodies[1] == "exp: change 2\n\nKept."
    dates = [git(bench.top, "log", "-1", "--format=%at", c) for c in (after, bench.incumbent)]
    assert dates[0] == dates[1]


@pytest.mark.parametrize("how", BOTH)
def test_a_conflict_is_refused_by_the_names_of_its_files(bench: Bench, how: How) -> None:
    bench.on_main({"train.py": edited(A=7), "notes.txt": "x\n"})
    said = r"both changed train.py: merge autoresearch/t by hand, or begin a new campaign from main"
    bench.refuses(bench.merge(), how, said)
    git(bench.top, "branch", "-q", "-D", bench.branch)
    bench.refuses(bench.merge(), how, rf"merge {bench.incumbent[:12]} by hand")
    bench.off_main()
    bench.refuses(bench.merge(), how, "both changed train.py")


def test_a_change_of_what_was_deleted_is_a_conflict(bench: Bench) -> None:
    git(bench.top, "rm", "-q", "train.py")
    git(bench.top, "commit", "-qm", "gone")
    bench.refuses(bench.merge(), How.SQUASH, "both changed train.py")


def test_a_rebase_that_conflicts_on_the_way_points_to_the_squash(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "s")
    bench.keep({"train.py": edited(A=9)}, 3.0)
    bench.keep({"train.py": edited(A=1, B=2)}, 2.0)
    bench.on_main({"train.py": edited(A=7)})
    bench.refuses(bench.merge(), How.REBASE, r"both changed train.py.*; --squash goes in cleanly$")
    bench.merge().land(How.SQUASH)
    assert (bench.top / "train.py").read_text() == edited(A=7, B=2)


def test_a_branch_that_moves_while_the_user_thinks_is_left_alone(bench: Bench) -> None:
    merging = bench.merge()
    mine = bench.on_main({"notes.txt": "two\n"})
    for leave in (lambda: None, bench.off_main):
        leave()
        before = refs(bench.top), (bench.top / "train.py").read_text()
        for how in BOTH:
            with pytest.raises(NightlabError, match="main moved meanwhile, so nothing was merged"):
                merging.land(how)
        assert (refs(bench.top), (bench.top / "train.py").read_text()) == before
        assert refs(bench.top)["refs/heads/main"] == mine


# -- again --------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", BOTH)
@pytest.mark.parametrize("second", BOTH)
@pytest.mark.parametrize("moved", [False, True])
def test_a_campaign_that_goes_on_is_merged_again(
    bench: Bench, first: How, second: How, moved: bool
) -> None:
    if moved:
        bench.on_main({"train.py": edited(C=5)}, "mine")
    bench.merge().land(first)
    done = bench.merge()
    assert done.done and done.left == () and done.reached.number == 2
    assert done.brought == done.before
    bench.keep({"train.py": edited(A=2, B=3)}, 1.0)
    merging = bench.merge()
    assert not merging.done
    assert [trial.number for trial in merging.left] == [3]
    assert [each.summary for each in merging.unmeasured] == ["mine"] * moved
    after = merging.land(second)
    assert bench.file(after) == edited(A=2, B=3, C=5 if moved else 1)
    subject = bench.subjects()[-1]
    if second is How.SQUASH:
        assert subject == "autoresearch t: loss 2 -> 1 (50.00% better), 1 kept change"
    else:
        assert subject == "exp: change 3"
    assert bench.merge().done


def test_what_was_merged_and_then_beaten_is_taken_out_again(bench: Bench) -> None:
    bench.merge().land(How.SQUASH)
    bench.on_main({"train.py": edited(A=2, B=2, C=5)}, "mine")
    bench.keep({"train.py": edited(A=2, B=4)}, 1.0, parent=1)  # beside trial 2, and better
    merging = bench.merge()
    assert (merging.reached.number, [t.number for t in merging.line]) == (2, [1, 3])
    bench.refuses(merging, How.REBASE, "has trial 2, which is no longer part of the best.*--squash")
    assert bench.file(merging.land(How.SQUASH)) == edited(A=2, B=4, C=5)


def test_what_is_there_already_is_not_merged(bench: Bench) -> None:
    git(bench.top, "merge", "-q", "--no-ff", "-m", "by hand", bench.branch)
    merging = bench.merge()
    assert merging.done and merging.brought == bench.incumbent
    git(bench.top, "reset", "-q", "--hard", bench.base)
    bench.on_main({"train.py": edited(A=2, B=2)}, "typed in by hand")
    merging = bench.merge()
    assert merging.done and len(merging.left) == 2


def test_a_replay_that_would_be_empty_is_left_out(bench: Bench) -> None:
    bench.on_main({"train.py": edited(A=2)}, "the same idea")
    bench.merge().land(How.REBASE)
    assert bench.subjects() == ["study", "the same idea", "exp: change 2"]


# -- a checkout that is on the branch -----------------------------------------------------------


@pytest.mark.parametrize("how", BOTH)
def test_dirty_files_that_it_does_not_touch_stay_as_they_are(bench: Bench, how: How) -> None:
    write(bench.top, {"notes.txt": "dirty\n", "old/x.py": "staged\n", "mine.txt": "untracked\n"})
    git(bench.top, "add", "old/x.py")
    write(bench.top, {"old/x.py": "staged, then edited\n"})
    git(bench.top, "rm", "-q", "--cached", "tool.sh")
    before, index = git(bench.top, "status", "--porcelain"), git(bench.top, "show", ":old/x.py")
    assert len(before.splitlines()) == 5
    bench.merge().land(how)
    assert git(bench.top, "status", "--porcelain") == before
    assert git(bench.top, "show", ":old/x.py") == index == "staged"
    texts = [(bench.top / n).read_text() for n in ("notes.txt", "old/x.py", "mine.txt", "train.py")]
    assert texts == ["dirty\n", "staged, then edited\n", "untracked\n", edited(A=2, B=2)]
    assert git(bench.top, "stash", "list") == ""


def stage(bench: Bench) -> None:
    write(bench.top, {"train.py": "staged\n"})
    git(bench.top, "add", "train.py")
    write(bench.top, {"train.py": FILES["train.py"]})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda b: write(b.top, {"train.py": "edited\n"}),
            "not committed in .*/s, and touched by the merge: train.py; commit",
        ),
        (stage, "train.py; commit or stash them first"),
        (lambda b: (b.top / "train.py").unlink(), "merge: train.py; commit or stash"),
        (
            lambda b: git(b.top, "rm", "-q", "--cached", "train.py"),
            "merge: train.py; commit or stash",
        ),
        (lambda b: (b.top / "train.py").chmod(0o755), "merge: train.py; commit or stash"),
        (
            lambda b: write(b.top, {"new/a.py": "mine\n"}),
            "not in git, and in the way of the merge in .*/s: new/a.py; move",
        ),
        (lambda b: write(b.top, {"new": "mine\n"}), "in .*/s: new; move them away"),
        (lambda b: write(b.top, {"new/a.py/x": "mine\n"}), ": new/a.py/x; move them away first"),
        (
            lambda b: write(b.top, {"new/a.py": "mine\n", ".git/info/exclude": "new/\n"}),
            ": new/a.py; move them away",
        ),
        (lambda b: (b.top / "new").symlink_to("nowhere"), "in .*/s: new; move them away"),
    ],
)
@pytest.mark.parametrize("how", BOTH)
def test_what_it_would_write_over_is_refused(
    bench: Bench, how: How, spoil: Callable[[Bench], object], said: str
) -> None:
    bench.keep({"new/a.py": "theirs\n"}, 1.0)
    spoil(bench)
    bench.refuses(bench.merge(), how, said)


def test_names_are_no_patterns(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "s", {**FILES, "[a]*.py": "1\n", "a1.py": "1\n"})
    bench.keep({"[a]*.py": "2\n"}, 1.0)
    write(bench.top, {"a1.py": "dirty\n", ":new": "x\n"})
    bench.merge().land(How.SQUASH)
    assert (bench.top / "[a]*.py").read_text() == "2\n"
    bench.keep({":new": "theirs\n"}, 0.5)
    bench.refuses(bench.merge(), How.SQUASH, ": :new; move them away")


def test_many_names_are_cut_short(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "s")
    bench.keep({f"f{number}": "theirs\n" for number in range(8)}, 1.0)
    write(bench.top, {f"f{number}": "mine\n" for number in range(8)})
    bench.refuses(bench.merge(), How.SQUASH, r"f0, f1, f2, f3, f4 and 3 more; move")


def test_what_only_git_knows_of_is_refused_by_git(bench: Bench) -> None:
    git(bench.top, "update-index", "--assume-unchanged", "train.py")
    write(bench.top, {"train.py": "edited in secret\n"})
    with pytest.raises(NightlabError, match=r"git would not move main: .*train.py") as error:
        bench.merge().land(How.SQUASH)
    assert "\n" not in str(error.value)
    assert refs(bench.top)["refs/heads/main"] == bench.base
    assert (bench.top / "train.py").read_text() == "edited in secret\n"


def test_a_lock_of_another_git_is_told(bench: Bench) -> None:
    (bench.top / ".git/index.lock").write_text("")
    with pytest.raises(NightlabError, match=r"git would not move main: .*index.lock"):
        bench.merge().land(How.SQUASH)
    assert refs(bench.top)["refs/heads/main"] == bench.base
    assert (bench.top / "train.py").read_text() == FILES["train.py"]


def conflicting(bench: Bench) -> None:
    git(bench.top, "switch", "-q", "-c", "side")
    write(bench.top, {"notes.txt": "theirs\n"})
    git(bench.top, "commit", "-qam", "theirs")
    git(bench.top, "switch", "-q", "main")
    bench.on_main({"notes.txt": "ours\n"})


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["merge", "side"], "merge"),
        (["cherry-pick", "side"], "cherry-pick"),
        (["rebase", "side"], "rebase"),
        (["rebase", "--apply", "side"], "rebase"),
        (["revert", "--no-edit", "HEAD~1"], "revert"),
    ],
)
@pytest.mark.parametrize("how", BOTH)
def test_a_checkout_in_the_middle_of_something_is_refused(
    bench: Bench, how: How, words: list[str], what: str
) -> None:
    if what == "revert":
        bench.on_main({"notes.txt": "two\n"})
        bench.on_main({"notes.txt": "three\n"})
    else:
        conflicting(bench)
    with pytest.raises(subprocess.CalledProcessError):
        git(bench.top, *words)
    said = f"is in the middle of a {what}: finish it, or `git {what} --abort` there, first"
    bench.refuses(bench.merge("main"), how, said)
    git(bench.top, what, "--abort")
    bench.merge("main").land(how)


def test_a_rebase_of_another_branch_is_no_obstacle(bench: Bench) -> None:
    conflicting(bench)
    git(bench.top, "switch", "-q", "side")
    with pytest.raises(subprocess.CalledProcessError):
        git(bench.top, "rebase", "main")
    after = bench.merge("main").land(How.SQUASH)
    assert refs(bench.top)["refs/heads/main"] == after


@pytest.mark.parametrize("how", BOTH)
def test_a_linked_worktree_that_is_on_the_branch(bench: Bench, how: How) -> None:
    bench.off_main()
    tree = bench.top.parent / "tree"
    git(bench.top, "worktree", "add", "-q", str(tree), "main")
    write(tree, {"train.py": "dirty\n", "notes.txt": "dirty\n"})
    before = everything(tree)
    bench.refuses(bench.merge(), how, f"not committed in {tree}, .*: train.py;")
    assert everything(tree) == before
    git(tree, "restore", "train.py")
    assert bench.merge().checkout == tree
    bench.merge().land(how)
    assert (tree / "train.py").read_text() == edited(A=2, B=2)
    assert git(tree, "status", "--porcelain") == "M notes.txt"
    assert (bench.top / "train.py").read_text() == FILES["train.py"]
    assert git(bench.top, "status", "--porcelain") == ""


def test_from_a_linked_worktree_into_the_main_one(bench: Bench) -> None:
    tree = bench.top.parent / "tree"
    git(bench.top, "worktree", "add", "-q", str(tree), "-b", "side")
    bench.repository = Repository(tree)
    merging = bench.merge()
    assert (merging.into, merging.checkout) == ("main", bench.top)
    merging.land(How.SQUASH)
    assert (bench.top / "train.py").read_text() == edited(A=2, B=2)
    assert (tree / "train.py").read_text() == FILES["train.py"]
    assert git(bench.top, "status", "--porcelain") == git(tree, "status", "--porcelain") == ""


def test_a_branch_that_is_checked_out_twice_or_away_is_refused(bench: Bench) -> None:
    tree = bench.top.parent / "tree"
    git(bench.top, "worktree", "add", "-q", "--force", str(tree), "main")
    bench.refuses(bench.merge(), How.SQUASH, f"main is checked out in {bench.top} and {tree}")
    bench.off_main()
    shutil.rmtree(tree)
    bench.refuses(bench.merge(), How.SQUASH, f"checked out in {tree}, which is away: `git worktree")
    git(bench.top, "worktree", "prune")
    bench.merge().land(How.SQUASH)


def test_a_main_checkout_that_git_does_not_record_is_refused(tmp_path: Path, bench: Bench) -> None:
    store, tree = tmp_path / "store", tmp_path / "tree"
    git(bench.top, "init", "-q", "--separate-git-dir", str(store))
    git(bench.top, "worktree", "add", "-q", str(tree), "-b", "side")
    bench.repository = Repository(tree)
    bench.refuses(bench.merge(), How.SQUASH, f"main is checked out by {store}; merge from there")


def test_worktrees_of_a_bare_repository(tmp_path: Path, bench: Bench) -> None:
    bare, tree = tmp_path / "bare", tmp_path / "tree"
    git(bench.top, "clone", "-q", "--mirror", str(bench.top), str(bare))
    git(bare, "worktree", "add", "-q", str(tree), "-b", "side", bench.base)
    bench.repository = Repository(tree)
    after = bench.merge().land(How.SQUASH)
    assert refs(bare)["refs/heads/main"] == after
    assert bench.file(bench.base) == (tree / "train.py").read_text()


def test_hooks_do_not_run_and_settings_of_git_change_nothing(bench: Bench) -> None:
    ran = bench.top.parent / "ran"
    for name in ("post-merge", "reference-transaction", "pre-merge-commit", "post-checkout"):
        hook = bench.top / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\necho $0 >> {ran}\n")
        hook.chmod(0o755)
    for key, value in {
        "branch.main.mergeOptions": "--no-ff --no-commit",
        "merge.ff": "false",
        "merge.autoStash": "true",
        "status.short": "true",
        "status.showUntrackedFiles": "no",
        "core.quotePath": "true",
    }.items():
        git(bench.top, "config", key, value)
    ran.unlink(missing_ok=True)
    write(bench.top, {"notes.txt": "dirty\n", "old/x.py": "staged\n"})
    git(bench.top, "add", "old/x.py")
    after = bench.merge().land(How.SQUASH)
    assert git(bench.top, "status", "--porcelain=v1").split() == ["M", "notes.txt", "M", "old/x.py"]
    assert git(bench.top, "diff", "--cached", "--name-only") == "old/x.py"
    bench.off_main()
    bench.keep({"train.py": edited(A=3)}, 1.0)
    ran.unlink(missing_ok=True)
    assert refs(bench.top)["refs/heads/main"] == after
    bench.merge("main").land(How.REBASE)
    assert not ran.exists()
    assert (bench.top / "notes.txt").read_text() == "dirty\n"


def test_line_ends_and_filters_of_the_checkout_are_the_users(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "s", {**FILES, ".gitattributes": "*.py text eol=crlf\n"})
    bench.keep({"train.py": edited(A=2)}, 3.0)
    bench.merge().land(How.SQUASH)
    assert (bench.top / "train.py").read_bytes() == edited(A=2).replace("\n", "\r\n").encode()
    assert git(bench.top, "status", "--porcelain") == ""


def test_a_lead_of_git_to_another_repository_is_not_followed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Bench(tmp_path / "other")
    before = everything(other.top)
    for name, value in {
        "GIT_DIR": other.top / ".git",
        "GIT_INDEX_FILE": other.top / ".git/index",
        "GIT_WORK_TREE": other.top,
    }.items():
        monkeypatch.setenv(name, str(value))  # as in a hook or an alias
    after = bench.merge().land(How.SQUASH)
    monkeypatch.undo()
    assert everything(other.top) == before
    assert git(bench.top, "rev-parse", "main") == after
    assert git(bench.top, "status", "--porcelain") == ""


# -- which branch -------------------------------------------------------------------------------


def target(bench: Bench, wanted: str | None = None) -> str:
    return find_target(bench.repository, bench.base, ["autoresearch", "mine"], wanted)


def test_the_branch_is_main_or_master_or_the_one_that_is_checked_out(bench: Bench) -> None:
    git(bench.top, "switch", "-q", "-c", "topic")
    assert target(bench) == "main"
    assert target(bench, "topic") == "topic"
    git(bench.top, "branch", "-q", "-m", "main", "master")
    assert target(bench) == "master"
    git(bench.top, "branch", "-q", "-D", "master")
    assert target(bench) == "topic"
    git(bench.top, "branch", "other")
    git(bench.top, "switch", "-q", "--detach")
    with pytest.raises(NightlabError, match=r"neither main nor master .* --into: other, topic$"):
        target(bench)


def test_a_branch_must_hold_the_base(bench: Bench) -> None:
    git(bench.top, "switch", "-q", "--orphan", "empty")
    assert target(bench) == "main", "HEAD has no commit yet"
    write(bench.top, {"a": "a\n"})
    git(bench.top, "add", "a")
    git(bench.top, "commit", "-qm", "another root")
    with pytest.raises(
        NightlabError, match=r"empty does not hold the commit .*; give --into: main"
    ):
        target(bench, "empty")
    git(bench.top, "branch", "-q", "-D", "main")
    with pytest.raises(NightlabError, match=rf"`git branch NAME {bench.base[:12]}` makes a branch"):
        target(bench)


@pytest.mark.parametrize("name", ["autoresearch/t", "autoresearch/no", "mine/x"])
def test_never_into_a_campaigns_branch(bench: Bench, name: str) -> None:
    with pytest.raises(NightlabError, match=f"{name} is a campaign's branch; name one of your own"):
        target(bench, name)
    git(bench.top, "switch", "-q", bench.branch)
    git(bench.top, "branch", "-q", "-D", "main")
    with pytest.raises(NightlabError, match="neither main nor master"):
        target(bench)


@pytest.mark.parametrize(
    "name", ["nope", "origin/main", "..", "", "refs/heads/main", "a b", "HEAD"]
)
def test_no_branch_is_made(bench: Bench, name: str) -> None:
    git(bench.top, "update-ref", "refs/remotes/origin/main", bench.base)
    before = refs(bench.top)
    with pytest.raises(NightlabError, match=r"there is no branch .* here; there are: main$"):
        target(bench, name)
    assert refs(bench.top) == before


def test_a_branch_that_is_an_alias_is_not_followed(bench: Bench) -> None:
    git(bench.top, "symbolic-ref", "refs/heads/alias", "refs/heads/main")
    with pytest.raises(NightlabError, match=r"alias does not hold .*--into: main"):
        target(bench, "alias")


def test_a_shallow_clone(bench: Bench, tmp_path: Path) -> None:
    bench.on_main({"notes.txt": "two\n"})
    shallow = tmp_path / "shallow"
    origin = f"file://{bench.top}"
    git(tmp_path, "clone", "-q", "--depth", "1", "--no-single-branch", origin, str(shallow))
    bench.repository = Repository(shallow)
    with pytest.raises(NightlabError, match=r"clone is shallow: `git fetch --unshallow`"):
        bench.merge()
    git(shallow, "fetch", "-q", "--unshallow", "origin", "refs/nightlab/*:refs/nightlab/*")
    bench.repository = Repository(shallow)
    after = bench.merge().land(How.SQUASH)
    assert git(shallow, "show", f"{after}:train.py") + "\n" == edited(A=2, B=2)


def test_a_campaign_begun_in_a_shallow_clone(bench: Bench, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    bench.on_main({"notes.txt": "two\n"})
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{bench.top}", str(shallow))
    bench.repository = Repository(shallow)
    bench.base = git(shallow, "rev-parse", "HEAD")
    bench.trials = [Trial(0, bench.base, runs=(run(0, 4.0),))]
    commit = bench.repository.commit(bench.base, {"train.py": edited(A=2).encode()}, "exp: x")
    kept = Verdict(1, Decision.KEEP, "improvement", "better")
    bench.trials.append(Trial(1, commit, bench.base, "x", runs=(run(1, 3.0),), verdict=kept))
    bench.merge().land(How.SQUASH)
    assert (shallow / "train.py").read_text() == edited(A=2)


def test_an_object_that_is_lost_is_told(bench: Bench) -> None:
    lost = bench.tree(bench.incumbent)
    (bench.top / ".git/objects" / lost[:2] / lost[2:]).unlink()
    bench.repository = Repository(bench.top)
    with pytest.raises(NightlabError, match=r"git cannot merge in .*see `git fsck`"):
        bench.merge().land(How.SQUASH)
    assert refs(bench.top)["refs/heads/main"] == bench.base


def test_what_was_imported_without_its_commits(bench: Bench) -> None:
    """A row of another tool's table may name a commit that is gone, or anything."""
    git(bench.top, "commit", "-q", "--allow-empty", "-m", "main goes on")
    last, kept = bench.trials[2], bench.trials[1].verdict
    for name in ("abc1234", "-", "", "v1.0 beta"):
        bench.trials[1] = Trial(1, name, bench.base, "first", verdict=kept)
        bench.trials[2] = replace(last, parent=name)
        bench.refuses(bench.merge(), How.REBASE, f"^commit {name}, which .*give --squash$")
        assert [each.number for each in bench.merge().left] == [1, 2]
        bench.trials[2] = replace(last, commit=name)
        with pytest.raises(NightlabError, match=f"incumbent's commit {name} is not in this repo"):
            bench.merge()
    bench.trials[1:] = [Trial(1, "abc1234", bench.base, "first", verdict=kept)]
    bench.trials.append(replace(last, parent="abc1234"))
    bench.merge().land(How.SQUASH)
    assert (bench.top / "train.py").read_text() == edited(A=2, B=2)
    assert bench.merge().done


def test_an_incumbent_beside_the_baseline_is_left_to_the_user(bench: Bench) -> None:
    base = bench.on_main({"notes.txt": "two\n"})
    bench.base, bench.trials[0] = base, Trial(0, base, runs=(run(0, 4.0),))
    with pytest.raises(
        NightlabError, match=r"was not built on the campaign's baseline; merge it by"
    ):
        bench.merge()


def test_submodules_stay_as_they_are(bench: Bench) -> None:
    git(bench.top, "update-index", "--add", "--cacheinfo", f"160000,{bench.base},sub")
    git(bench.top, "commit", "-qm", "a submodule")
    (bench.top / "sub").mkdir()
    after = bench.merge().land(How.SQUASH)
    assert git(bench.top, "ls-tree", after, "sub").startswith("160000 commit")


def test_no_git_program(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merging = bench.merge()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(NightlabError, match="git is not installed"):
        merging.land(How.SQUASH)


def test_what_was_gained_from_nothing_has_no_percentage(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "s")
    bench.trials[0] = replace(bench.trials[0], runs=(run(0, 0.0),))
    bench.keep({"train.py": edited(A=2)}, -2.0)
    assert (
        bench.merge()
        .squash_message()
        .startswith("autoresearch t: loss 0 -> -2 (2 better), 1 kept change\n")
    )


def test_the_repository_under_pygit2_is_the_one_that_was_merged(bench: Bench) -> None:
    """No lock and no temporary file is left in the git folder."""
    bench.merge().land(How.SQUASH)
    left = [p.name for p in (bench.top / ".git").rglob("*") if p.suffix == ".lock"]
    assert left == []
    assert pygit2.Repository(str(bench.top)).head.shorthand == "main"
