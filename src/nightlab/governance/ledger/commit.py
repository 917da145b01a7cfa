"""`--auto-commit`: summary.json alone, as one commit of the repository that holds it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nightlab.change.repository import git_environment, git_is_installed
from nightlab.types import NightlabError, one_line

_UNFINISHED = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}
"""What git keeps in its folder while something is half done, and what that is."""


_HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg")
"""Programs of the user's that may refuse a commit."""


def check_commit(summary: Path) -> None:
    """Raise NightlabError where the file could not be committed once it is there."""
    path = summary.parent.resolve() / summary.name
    folder = next(above for above in path.parents if above.is_dir())
    name = str(path.relative_to(folder))
    _Git(folder.resolve(), name, "could not be committed at the end").check()


def is_committed(summary: Path) -> bool:
    """Whether the file is committed as it is. Raises NightlabError where it can't be."""
    return not _git_of(summary).is_changed


def commit_summary(summary: Path, metric: str, scenario_name: str) -> str:
    """Commit the file alone; returns the commit's short name.

    What else is staged stays staged and out of the commit, and the user's hooks run. Raises
    NightlabError where that can't be done; then everything is as it was.
    """
    git = _git_of(summary)
    if not git.is_changed:
        raise git.refusal("it is committed already", "nothing in it has changed since")
    message = f"autoresearch: optimize {one_line(metric, 100)} on {one_line(scenario_name, 100)}"
    is_new = bool(git.run("ls-files", "--error-unmatch", "--", git.only).returncode)
    if is_new:
        git.must("add", "--intent-to-add", "--", git.only)
    try:
        git.must("commit", "--quiet", "--only", "-m", message, "--", git.only)
    except BaseException:
        if is_new:
            git.run("rm", "--cached", "--quiet", "--force", "--", git.only)
        raise
    return git.must("rev-parse", "--short", "HEAD").strip()


def _git_of(summary: Path) -> _Git:
    """Git beside a file that is there. Raises NightlabError where it can't be committed."""
    git = _Git(summary.parent.resolve(), summary.name)
    if not summary.is_file():
        raise git.refusal(f"it is not in {git.folder}", "run the tuning first")
    git.check()
    return git


@dataclass(frozen=True)
class _Git:
    """The git program in the folder of the file. Errors say what the file is and how to mend."""

    folder: Path
    name: str
    failed: str = "was not committed"

    @property
    def only(self) -> str:
        """The file as a pathspec that means no other."""
        return f":(literal){self.name}"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *words],
            cwd=self.folder,
            env=git_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )

    def must(self, *words: str) -> str:
        """Run it, or raise NightlabError with what git said."""
        done = self.run(*words)
        if done.returncode:
            raise self.refusal(*self._mistake(words[0], f"{done.stderr}\n{done.stdout}"))
        return done.stdout

    def refusal(self, why: str, mend: str) -> NightlabError:
        return NightlabError(f"{self.name} {self.failed}: {why}; {mend}")

    def check(self) -> None:
        """Raise NightlabError where a commit of this file alone can't be made."""
        if not git_is_installed():
            raise self.refusal("git is not installed", "`apt install git`, or the like")
        self._check_repository()
        self._check_branch()
        self._check_file()
        for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
            if self.run("var", who).returncode:
                mend = "`git config user.name NAME` and `git config user.email ADDRESS`"
                raise self.refusal("git doesn't know who you are", mend)

    def _check_repository(self) -> None:
        found = self.run("rev-parse", "--is-inside-work-tree")
        if found.returncode:
            mend = "run `git init` there, or leave --auto-commit out"
            why = f"{self.folder} is in no git repository ({_last(found.stderr)})"
            raise self.refusal(why, mend)
        if found.stdout.strip() != "true":
            raise self.refusal(f"{self.folder} is in no checkout", "choose another --export-root")
        git_folder = self.folder / self.must("rev-parse", "--git-dir").strip()
        for name, what in _UNFINISHED.items():
            if (git_folder / name).exists():
                raise self.refusal(f"{what} is in progress", "finish it, or abort it, first")
        if (git_folder / "index.lock").exists():
            why = "another git process is at work, or has died"
            raise self.refusal(why, f"wait for it, or remove {git_folder / 'index.lock'}")

    def _check_branch(self) -> None:
        if self.run("symbolic-ref", "--quiet", "HEAD").returncode:
            raise self.refusal("HEAD is detached", "`git switch` to a branch first")
        if self.run("rev-parse", "--verify", "--quiet", "HEAD").returncode:
            mend = "make one first: `git commit --allow-empty -m start`"
            raise self.refusal("the repository has no commit yet", mend)

    def _check_file(self) -> None:
        ignored = self.run("check-ignore", "--verbose", "--", self.name)
        if ignored.returncode == 0:
            rule = one_line(ignored.stdout.partition("\t")[0], 100)
            mend = "take the rule out, add the file with `git add -f`, or leave --auto-commit out"
            raise self.refusal(f"git ignores it, by {rule}", mend)

    @property
    def is_changed(self) -> bool:
        """Whether the file differs from what is committed."""
        said = self.must("status", "--porcelain", "--untracked-files=all", "--", self.only)
        return bool(said.strip())

    def _mistake(self, command: str, said: str) -> tuple[str, str]:
        """What git's words mean, and the mend."""
        if "index.lock" in said:
            return "another git process is at work, or has died", "wait, or remove its index.lock"
        if command == "commit" and not _own(said) and (hooks := self._hooks()):
            why = f"a hook of the repository ({hooks}) refused it: {_last(said)!r}"
            return why, "mend what it asks for, or commit by hand"
        return f"git says {_last(said)!r}", "mend that, or commit it by hand"

    def _hooks(self) -> str:
        folder = self.folder / self.run("rev-parse", "--git-path", "hooks").stdout.strip()
        return ", ".join(name for name in _HOOKS if os.access(folder / name, os.X_OK))


def _own(said: str) -> list[str]:
    """The lines in which git itself complains."""
    lines = (line.strip() for line in said.splitlines())
    return [line for line in lines if line.startswith(("fatal:", "error:"))]


def _last(said: str) -> str:
    """The line of git's words that tells the most: the first of its own, else the last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return one_line(next(iter(_own(said)), lines[-1] if lines else "nothing"))
