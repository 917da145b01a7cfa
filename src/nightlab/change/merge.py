"""The incumbent's way into a branch of the user's: looked at first, then by fast-forward alone."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import chain
from pathlib import Path

import pygit2
from pygit2.enums import SortMode

from nightlab.change.checkout import checkout_of, refuse_to_write_over
from nightlab.change.repository import Repository
from nightlab.change.target import all_objects, descends, is_there
from nightlab.types import Decision, History, NightlabError, Trial, one_line

_TRAILER = "Nightlab-Incumbent"


class How(str, Enum):
    """As one commit, or as the kept commits one after the other."""

    SQUASH = "squash"
    REBASE = "rebase"


@dataclass(frozen=True)
class Commit:
    """A commit of the target, as it is shown."""

    commit: str
    summary: str


@dataclass(frozen=True)
class Preview:
    """What a merge would do: the messages of its commits, the oldest first, and what it touches.

    `as_they_are`: the kept commits themselves go in. `files` are relative to the repository.
    """

    messages: tuple[str, ...]
    as_they_are: bool
    files: tuple[str, ...]


class _Conflict(Exception):
    """Both sides changed these files in the same place."""

    def __init__(self, files: Sequence[str]) -> None:
        super().__init__(", ".join(files))


class Merge:
    """A campaign's incumbent and the branch `into` which it may go. Only `land` writes anything.

    `reached` is the newest kept trial that the branch has already (the baseline where it has none),
    and `brought` the commit that brought it there; `left` are those of the incumbent's lineage that
    it has not, and `unmeasured` its commits since the campaign began that are not the campaign's,
    the newest first. `measured` is a sentence on how, for the message of a squash.
    """

    def __init__(
        self, repository: Repository, branch: str, history: History, into: str, measured: str = ""
    ) -> None:
        self.repository = repository
        self.branch = branch
        self.history = history
        self.into = into
        self.measured = measured
        self.before = repository.tip(into) or ""
        self.line = history.lineage()
        with all_objects(repository):
            self._refuse_what_is_elsewhere()
            self.reached, self.brought, self.unmeasured = self._look_back()
            past = self.reached.commit
            repo = repository.repo
            self.left = tuple(t for t in self.line if not descends(repo, past, t.commit))

    def _refuse_what_is_elsewhere(self) -> None:
        """Raise NightlabError for an incumbent that another tool made, and that git knows not."""
        repo, commit = self.repository.repo, self.history.incumbent.commit
        if not is_there(repo, commit):
            raise NightlabError(
                f"the incumbent's commit {one_line(commit)} is not in this repository"
            )
        if not descends(repo, commit, self.history.baseline.commit):
            raise NightlabError(
                f"the incumbent, {commit[:12]}, was not built on the campaign's baseline; merge it"
                " by hand"
            )

    def _look_back(self) -> tuple[Trial, str, tuple[Commit, ...]]:
        """What the branch has had since the campaign began: of the campaign's, and other things."""
        repo, base = self.repository.repo, self.history.baseline
        known = _Known(repo, [base, *self.line, *_kept(self.history)])
        found: list[tuple[Trial, str]] = []
        others: list[Commit] = []
        walk = repo.walk(self.before, SortMode.TOPOLOGICAL)
        walk.hide(base.commit)
        for commit in walk:
            trial, name = known.trial(commit), str(commit.id)
            if trial is None:
                others.append(Commit(name, one_line(commit.message.split("\n")[0])))
            else:
                found.append((trial, name))
        reached, brought = found[0] if found else (base, "")
        return reached, brought, tuple(others)

    @cached_property
    def done(self) -> bool:
        """Whether there is nothing left to bring: the branch has it, or has the same files."""
        if not self.left:
            return True
        with _aside(self.repository) as repo:
            try:
                return bool(self._tree(repo) == repo[self.before].peel(pygit2.Tree).id)
            except _Conflict:
                return False

    # -- looking -----------------------------------------------------------------------------

    def look(self, how: How) -> Preview:
        """What it would do. Raises NightlabError where it can't be done, whatever the reason."""
        with _aside(self.repository) as repo:
            after = self._make(repo, how)
            messages = self._messages(repo[after].peel(pygit2.Commit))
            files = self._touched(repo, after)
        same = after == self.history.incumbent.commit
        checkout = self.checkout
        if checkout is not None:
            refuse_to_write_over(self.repository, checkout, self.before, files)
        return Preview(messages, same, files)

    def _messages(self, last: pygit2.Commit) -> tuple[str, ...]:
        messages: list[str] = []
        while str(last.id) != self.before:
            messages.append(last.message)
            (last,) = last.parents
        return tuple(reversed(messages))

    def _touched(self, repo: pygit2.Repository, after: str) -> tuple[str, ...]:
        old, new = (repo[commit].peel(pygit2.Tree) for commit in (self.before, after))
        sides = (side for d in old.diff_to_tree(new).deltas for side in (d.old_file, d.new_file))
        return tuple(sorted({os.fsdecode(side.raw_path) for side in sides}))

    @property
    def checkout(self) -> Path | None:
        """The one checkout that is on the branch, if any. Raises NightlabError where git waits."""
        return checkout_of(self.repository, self.into)

    # -- making ------------------------------------------------------------------------------

    def land(self, how: How) -> str:
        """Merge. Returns the branch's new commit. Raises NightlabError having moved nothing."""
        self.look(how)
        with all_objects(self.repository):
            after = self._make(self.repository.repo, how)
        checkout = self.checkout
        self._refuse_if_moved(self.before)
        words = self._forward(after) if checkout else self._swap(after)
        done = self.repository.git(*words, at=checkout)
        self._refuse_if_moved(self.before, after)
        if self.repository.tip(self.into) == self.before:
            said = one_line(done.stderr or done.stdout, 400) or "it does not say why"
            raise NightlabError(f"git would not move {self.into}: {said}")
        return after

    def _refuse_if_moved(self, *expected: str) -> None:
        if self.repository.tip(self.into) not in expected:
            mend = "nothing was merged; run `nightlab merge` again"
            raise NightlabError(f"{self.into} moved meanwhile, so {mend}")

    def _swap(self, after: str) -> tuple[str, ...]:
        ref = f"refs/heads/{self.into}"
        return ("update-ref", "-m", f"nightlab merge {self.branch}", ref, after, self.before)

    def _forward(self, after: str) -> tuple[str, ...]:
        """Git moves the branch and its files together, and refuses before it touches either."""
        off = ("submodule.recurse=false", "gc.auto=0", "maintenance.auto=false")
        settings = [("-c", setting) for setting in (f"branch.{self.into}.mergeOptions=", *off)]
        flags = ("--ff-only", "--no-squash", "--commit", "--no-autostash", "--no-overwrite-ignore")
        return (*chain(*settings), "merge", "--quiet", *flags, after)

    def _make(self, repo: pygit2.Repository, how: How) -> str:
        """Write the commits into `repo`, and return the last one."""
        try:
            return self._squash(repo) if how is How.SQUASH else self._rebase(repo)
        except _Conflict as conflict:
            also = "; --squash goes in cleanly" if how is How.REBASE and self._goes_in(repo) else ""
            raise NightlabError(
                f"{self.branch} and {self.into} both changed {conflict}: merge {self._theirs()}"
                f" by hand, or begin a new campaign from {self.into}{also}"
            ) from None

    def _goes_in(self, repo: pygit2.Repository) -> bool:
        try:
            self._tree(repo)
        except _Conflict:
            return False
        return True

    def _theirs(self) -> str:
        incumbent = self.history.incumbent.commit
        return self.branch if self.repository.tip(self.branch) == incumbent else incumbent[:12]

    def _tree(self, repo: pygit2.Repository) -> pygit2.Oid:
        return _three_way(repo, self.reached.commit, self.before, self.history.incumbent.commit)

    def _squash(self, repo: pygit2.Repository) -> str:
        who = self.repository.signature()
        message = self.squash_message()
        return str(repo.create_commit(None, who, who, message, self._tree(repo), [self.before]))

    def _rebase(self, repo: pygit2.Repository) -> str:
        if self.reached.number and self.reached not in self.line:
            raise NightlabError(
                f"{self.into} has trial {self.reached.number}, which is no longer part of the best,"
                " so there is nothing to replay on it: give --squash"
            )
        tip = self.before
        for trial in self.left:
            tip = trial.commit if trial.parent == tip else self._replay(repo, trial, tip)
        return tip

    def _replay(self, repo: pygit2.Repository, trial: Trial, tip: str) -> str:
        """The same commit on another one, by the same author; none where it would be empty."""
        for commit in (trial.parent, trial.commit):
            if not is_there(repo, commit):
                gone = f"commit {one_line(commit)}, which trial {trial.number} needs, is not here"
                raise NightlabError(f"{gone}, so it can't be replayed: give --squash")
        old = repo[trial.commit].peel(pygit2.Commit)
        tree = _three_way(repo, trial.parent, tip, trial.commit)
        if tree == repo[tip].peel(pygit2.Tree).id:
            return tip
        committer = self.repository.signature()
        return str(repo.create_commit(None, old.author, committer, old.message, tree, [tip]))

    @property
    def caution(self) -> str:
        """What is to be said where the branch has more than was measured, else ""."""
        count = len(self.unmeasured)
        were = "1 commit" if count == 1 else f"{count} commits"
        were = f"{were} on {self.into} {'was' if count == 1 else 'were'} not part of what was"
        merged = "measured, so the metric of the merged result is unmeasured"
        return f"{were} {merged}" if count else ""

    def squash_message(self) -> str:
        """What the one commit says: what was gained, by which changes, and how it was measured."""
        history, tag = self.history, self.branch.rpartition("/")[2]
        count = len(self.left)
        changes = "1 kept change" if count == 1 else f"{count} kept changes"
        gain = _gain(history, self.reached)
        lines = [f"autoresearch {tag}: {history.metric} {gain}, {changes}", ""]
        lines += [_kept_line(history, trial) for trial in self.left]
        seeds = ", ".join(str(seed) for seed in sorted(history.incumbent.values(history.metric)))
        settled = sum(1 for trial in history.trials if trial.verdict is not None)
        lines += ["", f"Measured on seeds {seeds}, in a campaign of {settled} trials."]
        lines += [self.measured] if self.measured else []
        if self.unmeasured:
            lines += [f"{self.caution}."]
        return "\n".join([*lines, "", f"{_TRAILER}: {history.incumbent.commit}"]) + "\n"


class _Known:
    """Kept trials by what a branch shows of them: their commits, their replays, their squashes."""

    def __init__(self, repo: pygit2.Repository, trials: Sequence[Trial]) -> None:
        self._commits = {trial.commit: trial for trial in trials}
        there = (trial for trial in trials if trial.number and is_there(repo, trial.commit))
        self._replays = {_mark(repo[t.commit].peel(pygit2.Commit)): t for t in there}

    def trial(self, commit: pygit2.Commit) -> Trial | None:
        """The trial that this commit brought, None for any other commit."""
        squashed = re.search(rf"^{_TRAILER}: ([0-9a-f]{{40}})$", commit.message, re.MULTILINE)
        found = self._commits.get(str(commit.id))
        found = found or (self._commits.get(squashed[1]) if squashed else None)
        return found or self._replays.get(_mark(commit))


def _mark(commit: pygit2.Commit) -> tuple[str, str, int]:
    """What a replay leaves as it was."""
    return commit.message, commit.author.email, commit.author.time


def _kept(history: History) -> list[Trial]:
    return [t for t in history.trials if t.verdict and t.verdict.decision is Decision.KEEP]


def _three_way(repo: pygit2.Repository, ancestor: str, ours: str, theirs: str) -> pygit2.Oid:
    """The tree of a three-way merge. Raises _Conflict where there is none."""
    base, mine, other = (repo[commit].peel(pygit2.Tree) for commit in (ancestor, ours, theirs))
    index = repo.merge_trees(base, mine, other)
    if index.conflicts is not None:
        sides = (entry for conflict in index.conflicts for entry in conflict if entry)
        raise _Conflict(sorted({one_line(entry.path) for entry in sides}))
    return index.write_tree(repo)


@contextmanager
def _aside(repository: Repository) -> Iterator[pygit2.Repository]:
    """A store that reads the repository's objects; what is made there goes with it."""
    with tempfile.TemporaryDirectory(prefix="nightlab-merge-") as folder, all_objects(repository):
        repo = pygit2.init_repository(folder, bare=True)
        repo.odb.add_disk_alternate(str(repository.common / "objects"))
        yield repo


def _gain(history: History, reference: Trial) -> str:
    """`2.9123 -> 2.8711 (1.42% better)`."""
    old, new = history.estimate(reference), history.estimate(history.incumbent)
    gain = history.gain(history.incumbent, reference)
    if old is None or new is None or gain is None:
        return "not measured"
    better = f"{100 * gain / abs(old):.2f}%" if old else f"{gain:.4g}"
    return f"{old:.6g} -> {new:.6g} ({better} better)"


def _kept_line(history: History, trial: Trial) -> str:
    value = history.estimate(trial)
    told = f": {history.metric} {value:.6g}" if value is not None else ""
    return f"- {trial.commit[:7]} {one_line(trial.summary, 120)} (trial {trial.number}){told}"
