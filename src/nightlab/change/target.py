"""Which branch of the user's a campaign's incumbent may go into."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pygit2
from pygit2.enums import ReferenceType

from nightlab.change.repository import Repository
from nightlab.types import NightlabError, one_line


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
    with all_objects(repository):
        return descends(repository.repo, str(ref.target), commit)


def _no_branch(repository: Repository, base: str) -> str:
    if repository.repo.is_shallow:
        return "this clone is shallow: `git fetch --unshallow` may bring it"
    return f"`git branch NAME {base[:12]}` makes a branch that does, for --into NAME"


def is_there(repo: pygit2.Repository, commit: str) -> bool:
    """Whether this names a commit, and one that is here; what was imported may be any text."""
    return bool(re.fullmatch(r"[0-9a-f]{40}", commit)) and commit in repo


def descends(repo: pygit2.Repository, commit: str, ancestor: str) -> bool:
    there = is_there(repo, ancestor)
    return commit == ancestor or (there and bool(repo.descendant_of(commit, ancestor)))


@contextmanager
def all_objects(repository: Repository) -> Iterator[None]:
    """Raise NightlabError where git lacks an object, or cannot write one."""
    try:
        yield
    except (KeyError, OSError, pygit2.GitError) as error:
        mend = "`git fetch --unshallow`" if repository.repo.is_shallow else "see `git fsck`"
        raise NightlabError(f"git cannot merge in {repository.common} ({error}); {mend}") from error
