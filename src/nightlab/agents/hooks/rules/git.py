"""Git: the campaign's branch and Nightlab's refs are the ledger's, and resets have their place."""

from __future__ import annotations

from dataclasses import dataclass

from nightlab.agents.hooks.guard import Guard
from nightlab.agents.hooks.quoting import Word
from nightlab.agents.hooks.rules import Call

_WITH_VALUE = ("-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path")
_MAKES = {
    "checkout": ("-b", "-B", "--orphan"),
    "switch": ("-c", "-C", "--create"),
    "worktree": ("-b", "-B", "--orphan"),
}
"""Commands that check a branch out, with the options by which they make a new one."""


@dataclass(frozen=True)
class Git:
    """A call of git: its command, what follows it, and the folder it was told to go to."""

    verb: str
    args: tuple[Word, ...]
    folder: str | None

    @property
    def texts(self) -> tuple[str, ...]:
        """What follows the command, as plain text."""
        return tuple(word.text for word in self.args)


def git_call(call: Call) -> Git | None:
    """The call as one of git, None for another program."""
    if call.name != "git":
        return None
    at, folder = 0, None
    while at < len(call.args) and call.args[at].text.startswith("-"):
        if call.args[at].text in _WITH_VALUE:
            if call.args[at].text in ("-C", "--work-tree") and at + 1 < len(call.args):
                folder = call.args[at + 1].text
            at += 1
        at += 1
    verb = call.args[at].text if at < len(call.args) else ""
    return Git(verb, call.args[at + 1 :], folder)


def refuse_git(call: Call, guard: Guard) -> str:
    """Refuse what moves Nightlab's branches, resets another one, or writes over the harness."""
    git = git_call(call)
    if git is None:
        return ""
    branch = guard.branch_at(git.folder)
    if branch is None:
        return ""
    if git.verb == "reset" and "--hard" in git.texts:
        return _reset(branch, guard)
    if git.verb == "commit" and any(text.startswith("exp:") for text in _messages(git)):
        return (
            "`exp:` commits are Nightlab's: leave the edit uncommitted and measure it with"
            ' `nightlab try -m "summary"`'
        )
    if git.verb in ("rm", "mv"):
        there = guard.at(git.folder) if git.folder else guard
        paths = [word for word in git.args if not word.text.startswith("-")]
        return next((why for word in paths if (why := there.refuses_tree(word))), "")
    return _moves(git, branch, guard)


def _reset(branch: str, guard: Guard) -> str:
    prefix = guard.outline.branch
    if not branch.startswith(f"{prefix}/"):
        return (
            f"`git reset --hard` throws work away; it is for branches {prefix}/* alone, and this is"
            f" {branch or 'no branch'}"
        )
    return _checked_out(branch, guard) if branch in _campaign_branches(guard) else ""


def _messages(git: Git) -> list[str]:
    found = []
    for at, text in enumerate(git.texts):
        if text.startswith("--message="):
            found.append(text.removeprefix("--message="))
        elif text == "--message" or (text.startswith("-") and text[1:2] != "-" and text[-1] == "m"):
            found += git.texts[at + 1 : at + 2]
        elif text.startswith("-m"):
            found.append(text[2:])
    return [message.strip() for message in found]


def _moves(git: Git, branch: str, guard: Guard) -> str:
    """Refuse commands that would move, delete or check out what the ledger moves."""
    if git.verb == "update-ref" and any(t.startswith("refs/nightlab/") for t in git.texts):
        return "refs/nightlab/* keep the diffs of all trials; Nightlab alone moves them"
    if not any(f"{guard.outline.branch}/" in text for text in git.texts):
        return ""
    ours = _campaign_branches(guard)
    named = [text.removeprefix("refs/heads/").removeprefix("heads/") for text in git.texts]
    hit = next((name for name in named if name in ours), "")
    if not hit:
        return ""
    if git.verb == "update-ref" or (git.verb == "branch" and _changes_branch(git, hit)):
        return f"{hit} is moved by Nightlab alone, when it keeps a trial"
    makes = _MAKES.get(git.verb, ())
    made = next((named[i + 1 : i + 2] for i, t in enumerate(named) if t in makes), None)
    if git.verb in _MAKES and made is not None:
        return f"{hit} is moved by Nightlab alone, when it keeps a trial" if made == [hit] else ""
    alone = "--" not in named and not {"--detach", "-d"} & {*named}
    names = [name for name in named if not name.startswith("-")]
    taken = names[2:] if names[:1] == ["add"] else names
    if git.verb in _MAKES and alone and taken == [hit]:
        return _checked_out(hit, guard)
    return ""


def _changes_branch(git: Git, name: str) -> bool:
    """Whether `git branch` would move or delete this branch, and not just begin one from it."""
    letters = {letter for text in git.texts if text[:1] == "-" != text[1:2] for letter in text[1:]}
    long = {"--force", "--delete", "--move"} & {*git.texts}
    names = [text for text in git.texts if not text.startswith("-")]
    if letters & {*"dDmM"} or {"--delete", "--move"} & long:
        return name in names
    return bool(letters & {"f"} or long) and names[:1] == [name]


def _checked_out(name: str, guard: Guard) -> str:
    desk = f"{name}-desk"
    return (
        f"{name} must not be checked out: Nightlab moves it. Work on a desk beside it:"
        f" `git switch -c {desk} {name}` (or `git switch {desk}`)"
    )


def _campaign_branches(guard: Guard) -> set[str]:
    return {f"{guard.outline.branch}/{tag}" for tag in guard.campaigns()}
