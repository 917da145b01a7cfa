"""--auto-commit: that file alone, or an error that tells the mend, and nothing half done."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import git

from nightlab.governance.ledger.commit import check_commit, commit_summary, is_committed
from nightlab.types import NightlabError

NAME = "runs/autoresearch/summary.json"


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """Somebody's repository: a scenario is committed, a ledger was just written."""
    folder = tmp_path / "market"
    (folder / "runs/autoresearch").mkdir(parents=True)
    (folder / "scenario.yaml").write_text("name: a\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "Ada")
    git(folder, "config", "user.email", "ada@example.org")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "start")
    (folder / NAME).write_text("{}\n")
    return folder


def commit(folder: Path) -> str:
    return commit_summary(folder / NAME, "toxicity_rate", "scenario.yaml")


def refused(folder: Path) -> str:
    """Why it was refused; the repository must be just as it was."""
    before = state(folder)
    with pytest.raises(NightlabError) as caught:
        commit(folder)
    assert state(folder) == before
    said = str(caught.value)
    assert said.startswith("summary.json was not committed: ") and "\n" not in said
    return said


def state(folder: Path) -> tuple[str, ...]:
    refs = git(folder, "for-each-ref") if (folder / ".git").exists() else ""
    if not refs:
        return (refs,)
    return refs, git(folder, "status", "--porcelain"), git(folder, "diff", "--cached")


def test_a_new_ledger_is_committed_with_the_message_that_readers_know(user: Path) -> None:
    name = commit(user)
    assert git(user, "log", "-1", "--format=%h %an %s") == (
        f"{name} Ada autoresearch: optimize toxicity_rate on scenario.yaml"
    )
    assert git(user, "show", "--name-only", "--format=", "HEAD") == NAME
    assert git(user, "status", "--porcelain") == ""


def test_a_ledger_that_was_committed_before_is_committed_again(user: Path) -> None:
    commit(user)
    (user / NAME).write_text('{"more": 1}\n')
    commit(user)
    assert git(user, "log", "--format=%s").count("optimize") == 2
    assert git(user, "show", f"HEAD:{NAME}") == '{"more": 1}'


def test_what_else_is_staged_stays_staged_and_uncommitted(user: Path) -> None:
    (user / "scenario.yaml").write_text("name: b\n")
    git(user, "add", "scenario.yaml")
    (user / "scenario.yaml").write_text("name: c\n")
    (user / "new.txt").write_text("new\n")
    git(user, "add", "new.txt")
    (user / "untracked.txt").write_text("mine\n")
    commit(user)
    assert git(user, "show", "--name-only", "--format=", "HEAD") == NAME
    assert git(user, "status", "--porcelain").splitlines() == [
        "A  new.txt",
        "MM scenario.yaml",
        "?? untracked.txt",
    ]
    assert git(user, "show", ":scenario.yaml") == "name: b"


def test_an_older_version_of_the_ledger_in_the_index_does_not_matter(user: Path) -> None:
    git(user, "add", NAME)
    (user / NAME).write_text('{"newer": 1}\n')
    commit(user)
    assert git(user, "show", f"HEAD:{NAME}") == '{"newer": 1}'
    assert git(user, "status", "--porcelain") == ""


def test_it_works_from_a_worktree_and_through_a_link(user: Path, tmp_path: Path) -> None:
    git(user, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side/runs").mkdir()
    (tmp_path / "side/runs/summary.json").write_text("{}\n")
    (tmp_path / "link").symlink_to(tmp_path / "side/runs")
    commit_summary(tmp_path / "link/summary.json", "m", "s.yaml")
    assert git(user, "log", "-1", "--format=%s", "side") == "autoresearch: optimize m on s.yaml"
    assert git(user, "log", "-1", "--format=%s", "main") == "start"


def test_git_variables_of_a_hook_lead_nowhere_else(
    user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    commit(user)
    monkeypatch.undo()
    assert git(user, "log", "-1", "--format=%s").startswith("autoresearch:")


def test_a_name_with_signs_is_no_pattern_and_a_message_is_one_line(user: Path) -> None:
    (user / "runs/autoresearch/summary[1].json").write_text("{}\n")
    (user / "runs/autoresearch/summary1.json").write_text("{}\n")
    commit_summary(user / "runs/autoresearch/summary[1].json", "m", "a\nb.yaml")
    told = git(user, "show", "--name-only", "--format=%B", "HEAD").splitlines()
    assert told == [
        "autoresearch: optimize m on a b.yaml",
        "",
        "",
        "runs/autoresearch/summary[1].json",
    ]


@pytest.mark.parametrize(
    "setting",
    [
        "status.showUntrackedFiles=no",
        "commit.verbose=true",
        "core.quotePath=true",
        "color.ui=always",
    ],
)
def test_settings_of_the_user_do_not_matter(user: Path, setting: str) -> None:
    git(user, "config", *setting.split("="))
    commit(user)
    assert git(user, "log", "-1", "--format=%s").startswith("autoresearch:")
    assert "committed already" in refused(user)


def hook(folder: Path, name: str, script: str) -> None:
    path = folder / ".git/hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_hooks_of_the_user_do_run(user: Path) -> None:
    hook(user, "pre-commit", "echo ran > hook-ran")
    commit(user)
    assert (user / "hook-ran").read_text() == "ran\n"


@pytest.mark.parametrize("staged", [False, True])
def test_a_hook_that_refuses_leaves_everything_as_it_was(user: Path, staged: bool) -> None:
    hook(user, "pre-commit", "echo 'no ledgers on Fridays' >&2; exit 1")
    (user / "scenario.yaml").write_text("name: b\n")
    git(user, "add", "scenario.yaml", *([NAME] if staged else []))
    said = refused(user)
    assert "a hook of the repository (pre-commit) refused it: 'no ledgers on Fridays'" in said


def test_a_folder_that_git_ignores(user: Path) -> None:
    (user / ".gitignore").write_text("*.log\nruns/\n")
    git(user, "add", ".gitignore")
    git(user, "commit", "-qm", "ignore")
    assert "git ignores it, by .gitignore:2:runs/" in refused(user)
    git(user, "add", "-f", NAME)
    commit(user)
    (user / NAME).write_text('{"later": 1}\n')
    commit(user)
    assert git(user, "show", f"HEAD:{NAME}") == '{"later": 1}'


def test_nothing_changed(user: Path) -> None:
    assert not is_committed(user / NAME)
    commit(user)
    assert is_committed(user / NAME)
    assert "committed already" in refused(user)


def test_what_stands_against_a_commit_is_known_before_the_ledger_is_there(
    user: Path, tmp_path: Path
) -> None:
    later = user / "nights" / "first" / "summary.json"
    check_commit(later)
    assert not later.parent.parent.exists()
    (user / ".gitignore").write_text("nights/\n")
    with pytest.raises(NightlabError, match=r"could not be committed at the end: git ignores it"):
        check_commit(later)
    (user / ".gitignore").unlink()
    git(user, "switch", "-q", "--detach")
    with pytest.raises(NightlabError, match="HEAD is detached"):
        check_commit(later)
    with pytest.raises(NightlabError, match="is in no git repository"):
        check_commit(tmp_path / "elsewhere" / "summary.json")


def test_nobody_to_sign(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(user, "config", "--unset", "user.name")
    git(user, "config", "--unset", "user.email")
    git(user, "config", "user.useConfigOnly", "true")
    assert "git config user.name NAME" in refused(user)


def test_no_repository(tmp_path: Path) -> None:
    (tmp_path / "runs/autoresearch").mkdir(parents=True)
    (tmp_path / NAME).write_text("{}")
    assert "is in no git repository" in refused(tmp_path)


def test_no_ledger(user: Path) -> None:
    (user / NAME).unlink()
    assert "it is not in" in refused(user)


def test_an_unborn_branch(tmp_path: Path) -> None:
    (tmp_path / "runs/autoresearch").mkdir(parents=True)
    (tmp_path / NAME).write_text("{}")
    git(tmp_path, "init", "-q")
    assert "has no commit yet" in refused(tmp_path)
    assert git(tmp_path, "status", "--porcelain") == "?? runs/"


def test_a_detached_head(user: Path) -> None:
    git(user, "checkout", "-q", "--detach")
    assert "HEAD is detached" in refused(user)


def test_a_merge_in_progress(user: Path) -> None:
    git(user, "switch", "-qc", "side")
    (user / "scenario.yaml").write_text("name: side\n")
    git(user, "commit", "-qam", "side")
    git(user, "switch", "-q", "main")
    git(user, "merge", "-q", "--no-ff", "--no-commit", "side")
    assert "a merge is in progress" in refused(user)


def test_a_lock_on_the_index(user: Path) -> None:
    before = sorted((user / ".git").iterdir())
    (user / ".git/index.lock").write_text("")
    with pytest.raises(NightlabError, match="another git process is at work"):
        commit(user)
    (user / ".git/index.lock").unlink()
    assert sorted((user / ".git").iterdir()) == before
    commit(user)
