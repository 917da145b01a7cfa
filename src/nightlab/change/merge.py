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
from pygit2.enums import ReferenceType, SortMode

from nightlab.change.repository import Repository, is_on
from nightlab.types import Decision, History, NightlabError, Trial, one_line

_TRAILER = "Nightlab-Incumbent"
_UNFINISHED = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}
"""What git leaves in its folder while it waits for the user, and the command that ends it."""


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


def find_target(
    repository: Repository, base: str, campaigns: Sequence[str], wanted: str | None = None
) -> str:
    """The branch to merge into: `wanted`, else main or master, else the one that is checked out.

    It must hold `base`, where the campaign began. Branches below the prefixes `campaigns` are
    Nightlab's own. Raises NightlabError where there is no such branch.
    """

    below = tuple(f"{prefix}/" for prefix in campaigns)
    own = [name for name in repository.repo.branches.local if not name.startswith(below)]
    if wanted is not None and wanted not in own:
        raise NightlabError(_not_yours(wanted, below, own))
    head = "" if repository.repo.head_is_unborn else repository.branch_name()
    for name in (wanted,) if wanted is not None else ("main", "master", head):
        if name in own and _holds(repository, name, base):
            return name
    who = f"{wanted} does not hold" if wanted else "neither main nor master holds"
    holding = [name for name in own if _holds(repository, name, base)]
    mend = f"give --into: {', '.join(holding)}" if holding else _no_branch(repository, base)
    raise NightlabError(f"{who} the commit {base[:12]} that the campaign began from; {mend}")


def _not_yours(wanted: str, below: tuple[str, ...], own: Sequence[str]) -> str:
    if wanted.startswith(below):
        return f"{one_line(wanted)} is a campaign's branch; name one of your own with --into"
    known = f"; there are: {', '.join(own)}" if own else ""
    return f"there is no branch {one_line(wanted)} here{known}"


def _holds(repository: Repository, branch: str, commit: str) -> bool:
    """Whether a branch (an alias of one aside) has this commit in its past."""
    ref = repository.repo.references.get(f"refs/heads/{branch}")
    if ref is None or ref.type != ReferenceType.DIRECT or not repository.has(commit):
        return False
    with _all_objects(repository):
        return _descends(repository.repo, str(ref.target), commit)


def _no_branch(repository: Repository, base: str) -> str:
    if repository.repo.is_shallow:
        return "this clone is shallow: `git fetch --unshallow` may bring it"
    return f"`git branch NAME {base[:12]}` makes a branch that does, for --into NAME"


def _is_there(repo: pygit2.Repository, commit: str) -> bool:
    """Whether this names a commit, and one that is here; what was imported may be any text."""
    return bool(re.fullmatch(r"[0-9a-f]{40}", commit)) and commit in repo


def _descends(repo: pygit2.Repository, commit: str, ancestor: str) -> bool:
    there = _is_there(repo, ancestor)
    return commit == ancestor or (there and bool(repo.descendant_of(commit, ancestor)))


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
        with _all_objects(repository):
            self._refuse_what_is_elsewhere()
            self.reached, self.brought, self.unmeasured = self._look_back()
            past = self.reached.commit
            repo = repository.repo
            self.left = tuple(t for t in self.line if not _descends(repo, past, t.commit))

    def _refuse_what_is_elsewhere(self) -> None:
        """Raise NightlabError for an incumbent that another tool made, and that git knows not."""
        repo, commit = self.repository.repo, self.history.incumbent.commit
        if not _is_there(repo, commit):
            raise NightlabError(
                f"the incumbent's commit {one_line(commit)} is not in this repository"
            )
        if not _descends(repo, commit, self.history.baseline.commit):
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
        checkout = self.checkout()
        if checkout is not None:
            self._refuse_to_write_over(checkout, files)
        return Preview(messages, same, files)

    def _messages(self, last: pygit2.Commit) -> tuple[str, ...]:
        messages: list[str] = []
        while str(last.id) != self.before:
            messages.append(last.message)
            (last,) = last.parents
        return tuple(reversed(messages))

    def checkout(self) -> Path | None:
        """The one checkout that is on the branch, if any. Raises NightlabError where git waits."""
        there = self.repository.checkouts()
        for git, folder in there.items():
            what = _unfinished(git, self.into)
            if what:
                mend = f"finish it, or `git {what} --abort` there, first"
                raise NightlabError(f"{folder} is in the middle of a {what}: {mend}")
        on_it = [folder for git, folder in there.items() if is_on(git, self.into)]
        if len(on_it) > 1:
            both = " and ".join(map(str, on_it))
            raise NightlabError(f"{self.into} is checked out in {both}; leave it in one of them")
        common = self.repository.common
        if common not in there and is_on(common, self.into) and not _is_bare(common):
            raise NightlabError(f"{self.into} is checked out by {common}; merge from there")
        if on_it and not on_it[0].is_dir():
            mend = "`git worktree prune` if it is gone for good"
            raise NightlabError(f"{self.into} is checked out in {on_it[0]}, which is away: {mend}")
        return on_it[0] if on_it else None

    def _touched(self, repo: pygit2.Repository, after: str) -> tuple[str, ...]:
        old, new = (repo[commit].peel(pygit2.Tree) for commit in (self.before, after))
        sides = (side for d in old.diff_to_tree(new).deltas for side in (d.old_file, d.new_file))
        return tuple(sorted({os.fsdecode(side.raw_path) for side in sides}))

    def _refuse_to_write_over(self, checkout: Path, files: Sequence[str]) -> None:
        if not files:
            return
        status = self.repository.git(
            *("--no-optional-locks", "--literal-pathspecs", "status", "--porcelain=v1", "-z"),
            *("--untracked-files=all", "--ignored=traditional", "--no-renames", "--", *files),
            at=checkout,
        )
        if status.returncode:
            raise NightlabError(f"git cannot look at {checkout}: {one_line(status.stderr)}")
        told = [(line[:2], line[3:]) for line in status.stdout.split("\0") if line]
        edited = [name for state, name in told if state not in ("??", "!!")]
        loose = [name for state, name in told if state in ("??", "!!")]
        loose += _in_the_way(checkout, files, self.repository.files(self.before).entries)
        if edited:
            raise NightlabError(
                f"not committed in {checkout}, and touched by the merge: {_names(edited)};"
                " commit or stash them first"
            )
        if loose:
            raise NightlabError(
                f"not in git, and in the way of the merge in {checkout}: {_names(loose)};"
                " move them away first"
            )

    # -- making ------------------------------------------------------------------------------

    def land(self, how: How) -> str:
        """Merge. Returns the branch's new commit. Raises NightlabError having moved nothing."""
        self.look(how)
        with _all_objects(self.repository):
            after = self._make(self.repository.repo, how)
        checkout = self.checkout()
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
            if not _is_there(repo, commit):
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
        there = (trial for trial in trials if trial.number and _is_there(repo, trial.commit))
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
def _all_objects(repository: Repository) -> Iterator[None]:
    """Raise NightlabError where git lacks an object, or cannot write one."""
    try:
        yield
    except (KeyError, OSError, pygit2.GitError) as error:
        mend = "`git fetch --unshallow`" if repository.repo.is_shallow else "see `git fsck`"
        raise NightlabError(f"git cannot merge in {repository.common} ({error}); {mend}") from error


@contextmanager
def _aside(repository: Repository) -> Iterator[pygit2.Repository]:
    """A store that reads the repository's objects; what is made there goes with it."""
    with tempfile.TemporaryDirectory(prefix="nightlab-merge-") as folder, _all_objects(repository):
        repo = pygit2.init_repository(folder, bare=True)
        repo.odb.add_disk_alternate(str(repository.common / "objects"))
        yield repo


def _unfinished(git: Path, branch: str) -> str:
    """The git command that is under way in a checkout and that the branch is part of, or ""."""
    for name, what in _UNFINISHED.items():
        place = git / name
        rebased = place / "head-name"
        mine = is_on(git, branch) or (
            rebased.is_file() and rebased.read_text().strip() == f"refs/heads/{branch}"
        )
        if place.exists() and mine:
            return "am" if (place / "applying").exists() else what
    return ""


def _is_bare(git: Path) -> bool:
    return bool(pygit2.Repository(str(git)).is_bare)


def _in_the_way(
    checkout: Path, files: Sequence[str], tracked: dict[str, tuple[pygit2.Oid, int]]
) -> list[str]:
    """Files outside git that stand where the merge wants a folder."""
    above = {parent.as_posix() for name in files for parent in Path(name).parents[:-1]}
    found = [name for name in above if name not in tracked]
    return sorted(n for n in found if (checkout / n).is_symlink() or (checkout / n).is_file())


def _names(files: Sequence[str]) -> str:
    shown = ", ".join(one_line(name) for name in files[:5])
    return shown + (f" and {len(files) - 5} more" if len(files) > 5 else "")


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
