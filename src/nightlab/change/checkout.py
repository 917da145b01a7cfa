"""The user's checkout of a branch: where it is, and what a merge would write over there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pygit2

from nightlab.change.repository import Repository, is_on
from nightlab.types import NightlabError, one_line

_UNFINISHED = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}
"""What git leaves in its folder while it waits for the user, and the command that ends it."""


def checkout_of(repository: Repository, branch: str) -> Path | None:
    """The one checkout that is on the branch, if any. Raises NightlabError where git waits."""
    there = repository.checkouts()
    for git, folder in there.items():
        what = _unfinished(git, branch)
        if what:
            mend = f"finish it, or `git {what} --abort` there, first"
            raise NightlabError(f"{folder} is in the middle of a {what}: {mend}")
    on_it = [folder for git, folder in there.items() if is_on(git, branch)]
    if len(on_it) > 1:
        both = " and ".join(map(str, on_it))
        raise NightlabError(f"{branch} is checked out in {both}; leave it in one of them")
    common = repository.common
    if common not in there and is_on(common, branch) and not _is_bare(common):
        raise NightlabError(f"{branch} is checked out by {common}; merge from there")
    if on_it and not on_it[0].is_dir():
        mend = "`git worktree prune` if it is gone for good"
        raise NightlabError(f"{branch} is checked out in {on_it[0]}, which is away: {mend}")
    return on_it[0] if on_it else None


def refuse_to_write_over(
    repository: Repository, checkout: Path, before: str, files: Sequence[str]
) -> None:
    """Raise NightlabError where a move from `before` would write over work that is not in git."""
    if not files:
        return
    status = repository.git(
        *("--no-optional-locks", "--literal-pathspecs", "status", "--porcelain=v1", "-z"),
        *("--untracked-files=all", "--ignored=traditional", "--no-renames", "--", *files),
        at=checkout,
    )
    if status.returncode:
        raise NightlabError(f"git cannot look at {checkout}: {one_line(status.stderr)}")
    told = [(line[:2], line[3:]) for line in status.stdout.split("\0") if line]
    edited = [name for state, name in told if state not in ("??", "!!")]
    loose = [name for state, name in told if state in ("??", "!!")]
    loose += _in_the_way(checkout, files, repository.files(before).entries)
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
