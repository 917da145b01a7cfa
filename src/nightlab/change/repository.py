"""The study's git repository: commits built beside the checkout, refs moved by compare-and-swap."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, FileStatus, ObjectType

from nightlab.change import Edits
from nightlab.types import NightlabError

_NOBODY = ("Nightlab", "nightlab@localhost")
_ELSEWHERE = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
)
"""Variables that git sets for hooks and aliases, and that lead it to another repository."""


_SMALL = 100_000
"""Bytes. A file of up to so many is kept at hand when it was read."""


class CommittedFiles(Mapping[str, bytes]):
    """The files of one commit below a folder, read when asked for."""

    def __init__(self, repo: pygit2.Repository, commit: str, prefix: str) -> None:
        self._repo = repo
        self.entries = dict(_walk(repo, repo[commit].peel(pygit2.Tree), ""))
        self._prefix = prefix
        self._read: dict[str, bytes] = {}

    def __getitem__(self, path: str) -> bytes:
        if path in self._read:
            return self._read[path]
        blob, _ = self.entries[self._prefix + path]
        data = _data(self._repo, blob)
        if len(data) <= _SMALL:
            self._read[path] = data
        return data

    def __iter__(self) -> Iterator[str]:
        cut = len(self._prefix)
        return (path[cut:] for path in self.entries if path.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, path: object) -> bool:
        return f"{self._prefix}{path}" in self.entries

    def is_link(self, path: str) -> bool:
        """Whether git has this path as a symbolic link; its contents are then its target."""
        entry = self.entries.get(self._prefix + path)
        return entry is not None and entry[1] == FileMode.LINK

    def data(self, blob: pygit2.Oid) -> bytes:
        """The contents of an entry."""
        return _data(self._repo, blob)

    def blob(self, path: str) -> str:
        """The object name of a file's contents, "" where there is no such file."""
        entry = self.entries.get(self._prefix + path)
        return str(entry[0]) if entry else ""


def _walk(
    repo: pygit2.Repository, tree: pygit2.Tree, prefix: str
) -> Iterator[tuple[str, tuple[pygit2.Oid, int]]]:
    for item in tree:
        if item.type == ObjectType.TREE:
            yield from _walk(repo, repo[item.id].peel(pygit2.Tree), f"{prefix}{item.name}/")
        elif item.type == ObjectType.BLOB:
            yield f"{prefix}{item.name}", (item.id, int(item.filemode))


def _data(repo: pygit2.Repository, blob: pygit2.Oid) -> bytes:
    return bytes(repo[blob].peel(pygit2.Blob).data)


class Repository:
    """One study's repository. Never writes to the checkout, the index or HEAD.

    Hooks, filters and fsmonitor of the study have no effect on what is made here.
    """

    def __init__(self, study: Path) -> None:
        found = pygit2.discover_repository(str(study))
        if found is None:
            mend = "run `git init && git add -A && git commit -m study` there first"
            raise NightlabError(f"{study} is not in a git repository: {mend}")
        try:
            self.repo = pygit2.Repository(found)
        except pygit2.GitError as error:
            mend = f"mend it, or trust it: `git config --global --add safe.directory {study}`"
            raise NightlabError(f"git cannot open {found} ({error}): {mend}") from error
        if self.repo.is_bare or self.repo.workdir is None:
            raise NightlabError(f"{study} is in a bare repository; use a checkout")
        top = Path(self.repo.workdir).resolve()
        inside = study.resolve().relative_to(top).as_posix()
        self.prefix = "" if inside == "." else f"{inside}/"
        self.study = study.resolve()
        self._files: dict[str, CommittedFiles] = {}

    @property
    def common(self) -> Path:
        """The git folder that all worktrees of the repository share."""
        git = Path(self.repo.path)
        pointer = git / "commondir"
        return (git / pointer.read_text().strip()).resolve() if pointer.is_file() else git.resolve()

    def head(self) -> str:
        """The commit of the checked-out branch. Raises NightlabError where there is none."""
        if self.repo.head_is_unborn:
            mend = "commit the study first: `git add -A && git commit -m study`"
            raise NightlabError(f"the repository has no commit yet: {mend}")
        if self.repo.head_is_detached:
            mend = "check out a branch first: `git switch main`, or `git switch -c NAME`"
            raise NightlabError(f"HEAD is detached, so there is no branch to begin from: {mend}")
        return str(self.repo.head.target)

    def branch_name(self) -> str:
        """The short name of the checked-out branch."""
        return str(self.repo.head.shorthand)

    def files(self, commit: str) -> CommittedFiles:
        """The study's files at a commit; a few commits are kept at hand."""
        if commit not in self._files:
            if len(self._files) >= 16:
                self._files.pop(next(iter(self._files)))
            self._files[commit] = CommittedFiles(self.repo, commit, self.prefix)
        return self._files[commit]

    def commit(self, parent: str, edits: Edits, message: str) -> str:
        """Write a commit with these edits on top of `parent`. Moves nothing."""
        base = self.repo[parent]
        index = pygit2.Index()
        index.read_tree(base.peel(pygit2.Tree))
        entries = self.files(parent).entries
        for path, content in edits.items():
            full = self.prefix + path
            if content is None:
                index.remove(full)
                continue
            mode = FileMode(entries[full][1]) if full in entries else FileMode.BLOB
            mode = FileMode.BLOB if mode == FileMode.LINK else mode
            index.add(pygit2.IndexEntry(full, self.repo.create_blob(content), mode))
        return self._write(message, index.write_tree(self.repo), [base.id])

    def reword(self, commit: str, message: str) -> str:
        """The same commit with another message. Moves nothing."""
        old = self.repo[commit]
        return self._write(
            message,
            old.peel(pygit2.Tree).id,
            [parent.id for parent in old.peel(pygit2.Commit).parents],
        )

    def user(self) -> pygit2.Signature | None:
        """Who git says the user is, now; None where it was never told."""
        try:
            return self.repo.default_signature
        except (KeyError, ValueError, pygit2.GitError):
            return None

    def signature(self) -> pygit2.Signature:
        """Who signs what is made here: the user, or Nightlab where git knows none."""
        return self.user() or pygit2.Signature(*_NOBODY)

    def _write(self, message: str, tree: pygit2.Oid, parents: list[pygit2.Oid]) -> str:
        who = self.signature()
        try:
            return str(self.repo.create_commit(None, who, who, message, tree, parents))
        except (OSError, pygit2.GitError) as error:
            raise NightlabError(f"git cannot write to {self.common}: {error}") from error

    def same_tree(self, one: str, other: str) -> bool:
        """Whether two commits hold the same files."""
        trees = [self.repo[commit].peel(pygit2.Tree).id for commit in (one, other)]
        return bool(trees[0] == trees[1])

    def has(self, commit: str) -> bool:
        """Whether the object is here."""
        return commit in self.repo

    def find_commit(self, name: str) -> str | None:
        """The whole hash of a commit from its first digits, None where it isn't here."""
        try:
            found = self.repo.get(name) if re.fullmatch(r"[0-9a-f]{4,40}", name) else None
            return str(found.id) if isinstance(found, pygit2.Commit) else None
        except ValueError:  # the digits fit more than one object
            return None

    def parent(self, name: str) -> str | None:
        """The first parent of a commit, None where there is none or the commit isn't here."""
        commit = self.find_commit(name)
        parents = self.repo[commit].peel(pygit2.Commit).parents if commit else []
        return str(parents[0].id) if parents else None

    def diff(self, path: str, old: bytes | None, new: bytes | None) -> str:
        """A unified diff of one file, in git's own form."""
        patch = pygit2.Patch.create_from(
            old, new, old_as_path=self.prefix + path, new_as_path=self.prefix + path
        )
        data: bytes = patch.data
        return data.decode("utf-8", "replace")

    def pin(self, ref: str, commit: str) -> None:
        """Keep a commit reachable under a ref of our own."""
        try:
            self.repo.references.create(ref, commit, force=True)
        except (OSError, pygit2.GitError, ValueError) as error:
            raise NightlabError(f"git cannot write {ref}: {error}") from error

    def tip(self, branch: str) -> str | None:
        """The commit a branch points at, None where it doesn't exist."""
        ref = self.repo.references.get(f"refs/heads/{branch}")
        return str(ref.target) if ref is not None else None

    def branches(self, folder: str) -> list[str]:
        """The branches right below a folder of names, as in autoresearch/mar5."""
        prefix = f"refs/heads/{folder}/"
        names = (str(name) for name in self.repo.references)
        return [n[11:] for n in names if n.startswith(prefix) and "/" not in n[len(prefix) :]]

    def move(self, branch: str, new: str, old: str | None) -> None:
        """Move a branch from `old` to `new` (None: create it), or fail and move nothing."""
        done = self.git("update-ref", f"refs/heads/{branch}", new, old or "0" * 40)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [""])[-1]
            mend = "nothing was moved; see `git log` there, or start again with `--new`"
            raise NightlabError(f"branch {branch} is not where Nightlab left it ({said}); {mend}")

    def git(self, *words: str, at: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the git program in a checkout (this one, if not given), with its hooks off."""
        quiet = ("core.hooksPath=/dev/null", "core.fsmonitor=false")
        options = [word for setting in quiet for word in ("-c", setting)]
        try:
            return subprocess.run(
                ["git", *options, *words],
                cwd=at or self.repo.workdir,
                env=git_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",
                check=False,
            )
        except FileNotFoundError:
            raise NightlabError("git is not installed; `apt install git`, or the like") from None

    def checkouts(self) -> dict[Path, Path]:
        """The folder of every checkout of this repository, by its own git folder."""
        found = {Path(self.repo.path).resolve(): Path(self.repo.workdir)}
        if self.common.name == ".git":
            found.setdefault(self.common, self.common.parent)
        for name in self.repo.list_worktrees():
            tree = self.repo.lookup_worktree(name)
            found.setdefault(self.common / "worktrees" / name, Path(tree.path))
        return found

    def checked_out(self, branch: str) -> Path | None:
        """The checkout that has this branch checked out, if any."""
        there = (folder for git, folder in self.checkouts().items() if is_on(git, branch))
        return next(there, None)

    def uncommitted(self) -> list[str]:
        """Tracked files of the study that differ from HEAD, and untracked ones not ignored."""
        cut = len(self.prefix)
        ignorable = (FileStatus.CURRENT, FileStatus.IGNORED)
        return sorted(
            path[cut:]
            for path, status in self.repo.status(untracked_files="all").items()
            if path.startswith(self.prefix) and status not in ignorable
        )

    def within(self, names: Sequence[str]) -> tuple[str, ...]:
        """Paths as a program.md gives them, relative to the repository; those outside left out."""
        top = Path(self.repo.workdir).resolve()
        full = (Path(os.path.normpath(self.study / Path(name).expanduser())) for name in names)
        return tuple(path.relative_to(top).as_posix() for path in full if top in path.parents)

    def export(self, commit: str, folder: Path, hidden: Sequence[str] = ()) -> None:
        """Lay the repository's files at `commit` into an empty folder, as plain files.

        Paths in `hidden` (relative to the repository) are left out.
        """
        made: set[Path] = set()
        for path, (blob, mode) in self.files(commit).entries.items():
            if is_below(path, hidden):
                continue
            target = folder / path
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            data = _data(self.repo, blob)
            if mode == FileMode.LINK:
                target.symlink_to(os.fsdecode(data))
                continue
            target.write_bytes(data)
            if mode == FileMode.BLOB_EXECUTABLE:
                target.chmod(0o755)

    def throwaway(self, commit: str, folder: Path, hidden: Sequence[str] = ()) -> None:
        """The files at `commit` as a repository of one commit, with no way back to the study.

        Paths in `hidden` (relative to the study) are left out.
        """
        left_out = self.within(hidden)
        self.export(commit, folder, left_out)
        fresh = pygit2.init_repository(str(folder), initial_head="main")
        for path, (blob, mode) in self.files(commit).entries.items():
            if not is_below(path, left_out):
                copy = fresh.create_blob(_data(self.repo, blob))
                fresh.index.add(pygit2.IndexEntry(path, copy, FileMode(mode)))
        fresh.index.write()
        who = pygit2.Signature(*_NOBODY)
        tree = fresh.index.write_tree()
        fresh.create_commit("HEAD", who, who, "study", tree, [])

    def digests(self, commit: str) -> dict[str, str]:
        """The blake2b digest of every file of the repository at a commit, links aside."""
        return {
            path: file_digest(_data(self.repo, blob))
            for path, (blob, mode) in self.files(commit).entries.items()
            if mode != FileMode.LINK
        }

    def exclude(self, patterns: list[str]) -> None:
        """Hide views of ours from `git status`, in info/exclude, which is never committed."""
        path = self.common / "info" / "exclude"
        lines = path.read_text().splitlines() if path.is_file() else []
        wanted = [f"/{self.prefix}{pattern}" for pattern in patterns]
        missing = [line for line in wanted if line not in lines]
        if missing:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join([*lines, *missing]) + "\n")


def is_below(path: str, names: Sequence[str]) -> bool:
    """Whether a path is one of these, or lies in a folder among them."""
    return any(path == name or path.startswith(f"{name}/") for name in names)


def is_on(git: Path, branch: str) -> bool:
    """Whether the checkout with this git folder has the branch checked out."""
    head = git / "HEAD"
    return head.is_file() and head.read_text().strip() == f"ref: refs/heads/{branch}"


def file_digest(content: bytes) -> str:
    """Identity of a file's contents."""
    return blake2b(content, digest_size=16).hexdigest()


def git_environment() -> dict[str, str]:
    """The variables for a git that is to find the repository by its folder."""
    return {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}


def git_is_installed() -> bool:
    """Whether the git program is on PATH; moving a branch needs it."""
    return shutil.which("git") is not None


def init_repository(folder: Path, message: str) -> None:
    """Make a folder a repository of its own and commit what is in it, but what it ignores."""
    repo = pygit2.init_repository(str(folder), initial_head="main")
    repo.index.add_all()
    repo.index.write()
    try:
        who = repo.default_signature
    except (KeyError, ValueError, pygit2.GitError):
        who = pygit2.Signature(*_NOBODY)
    repo.create_commit("HEAD", who, who, message, repo.index.write_tree(), [])
