"""The repository, on real git: nothing of the user's moves, and nothing of the study's runs."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest

from nightlab.change.repository import (
    Repository,
    file_digest,
    git_is_installed,
    init_repository,
    is_below,
)
from nightlab.types import NightlabError

FILES: dict[str, bytes] = {
    "train.py": b"A = 1\n",
    "crlf.txt": b"one\r\ntwo\r\n",
    "src/a.py": b"a = 1\n",
    "data/val/x.bin": b"\x00\xff",
    "data/train.txt": b"text\n",
}


def git(folder: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def new_repository(folder: Path, files: dict[str, bytes] = FILES) -> str:
    """A repository with these files, a script and a link, in one commit on main."""
    repo = pygit2.init_repository(str(folder), initial_head="main")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    script = folder / "run.sh"
    script.write_bytes(b"#!/bin/sh\n")
    script.chmod(0o755)
    (folder / "link").symlink_to("src/a.py")
    repo.index.add_all()
    repo.index.write()
    who = pygit2.Signature("t", "t@example.org")
    tree = repo.index.write_tree()
    return str(repo.create_commit("HEAD", who, who, "study", tree, []))


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    new_repository(folder)
    return folder


@pytest.fixture
def repository(top: Path) -> Repository:
    return Repository(top)


def everything(folder: Path) -> dict[str, bytes]:
    """Every byte of the checkout, the index and HEAD; not the objects."""
    kept = [p for p in folder.rglob("*") if p.is_file() and "objects" not in p.parts]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in kept}


# -- opening ----------------------------------------------------------------------------------


def test_a_folder_without_a_repository(tmp_path: Path) -> None:
    with pytest.raises(NightlabError, match=r"is not in a git repository: run `git init"):
        Repository(tmp_path)


def test_a_bare_repository(tmp_path: Path) -> None:
    pygit2.init_repository(str(tmp_path), bare=True)
    with pytest.raises(NightlabError, match="bare repository; use a checkout"):
        Repository(tmp_path)


def test_a_repository_that_git_cannot_open(top: Path) -> None:
    (top / ".git" / "config").write_text("[core\n")
    with pytest.raises(NightlabError, match=r"git cannot open .*mend it"):
        Repository(top)


def test_head(top: Path, repository: Repository) -> None:
    assert repository.head() == git(top, "rev-parse", "HEAD")
    assert repository.branch_name() == "main"
    assert repository.has(repository.head())
    assert not repository.has("1" * 40)


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    pygit2.init_repository(str(tmp_path))
    with pytest.raises(NightlabError, match=r"no commit yet: commit the study first: `git add -A"):
        Repository(tmp_path).head()


def test_a_detached_head(top: Path, repository: Repository) -> None:
    git(top, "checkout", "--quiet", "--detach")
    with pytest.raises(NightlabError, match=r"HEAD is detached.*`git switch main`"):
        repository.head()


def test_a_study_in_a_folder_of_a_repository(top: Path) -> None:
    inner = Repository(top / "src")
    commit = inner.head()
    files = inner.files(commit)
    assert dict(files) == {"a.py": b"a = 1\n"}
    assert len(files) == 1
    assert "a.py" in files and "train.py" not in files
    assert files.blob("a.py") == git(top, "rev-parse", "HEAD:src/a.py")
    assert files.blob("train.py") == ""
    new = inner.commit(commit, {"a.py": b"a = 2\n", "b.py": b""}, "x")
    assert git(top, "diff", "--name-status", commit, new).split() == [
        *("M", "src/a.py", "A", "src/b.py")
    ]
    assert inner.diff("a.py", b"a\n", b"b\n").startswith("diff --git a/src/a.py b/src/a.py")
    assert inner.common == top / ".git"


def test_the_files_of_a_commit(repository: Repository) -> None:
    files = repository.files(repository.head())
    assert {name: files[name] for name in FILES} == FILES
    assert set(files) == {*FILES, "run.sh", "link"}
    assert files["link"] == b"src/a.py"
    assert [name for name in files if files.is_link(name)] == ["link"]
    with pytest.raises(KeyError):
        files["nothing"]


# -- commits ----------------------------------------------------------------------------------


def test_a_commit_leaves_checkout_index_and_head_as_they_are(
    top: Path, repository: Repository
) -> None:
    (top / "train.py").write_bytes(b"dirty\n")
    (top / "src/a.py").write_bytes(b"staged\n")
    git(top, "add", "src/a.py")
    (top / "untracked").write_bytes(b"u")
    before = everything(top)
    base = repository.head()
    new = repository.commit(
        base, {"train.py": b"A = 2\r\n", "src/a.py": None, "made/b.py": b"b\n"}, "exp: two\n\nbody"
    )
    repository.pin("refs/nightlab/t/1", new)
    (ref,) = set(everything(top)) - set(before)
    assert ref == ".git/refs/nightlab/t/1"
    assert {name: everything(top)[name] for name in before} == before
    assert git(top, "rev-parse", "refs/nightlab/t/1", f"{new}^") == f"{new}\n{base}"
    assert git(top, "log", "-1", "--format=%B", new).strip() == "exp: two\n\nbody"
    after = repository.files(new)
    assert after["train.py"] == b"A = 2\r\n"
    assert after["made/b.py"] == b"b\n"
    assert "src/a.py" not in after
    assert repository.uncommitted() == ["src/a.py", "train.py", "untracked"]


def test_a_commit_keeps_the_mode_of_a_script_and_makes_a_link_a_file(
    top: Path, repository: Repository
) -> None:
    new = repository.commit(repository.head(), {"run.sh": b"x\n", "link": b"/etc/passwd"}, "x")
    listed = git(top, "ls-tree", new, "run.sh", "link").splitlines()
    assert [line.split()[0] for line in listed] == ["100644", "100755"]


def test_another_message_is_the_same_commit(top: Path, repository: Repository) -> None:
    base = repository.head()
    one = repository.commit(base, {"train.py": b"A = 2\n"}, "one")
    two = repository.reword(one, "two")
    assert one != two
    assert repository.same_tree(one, two)
    assert not repository.same_tree(base, two)
    assert git(top, "log", "--format=%s", two) == "two\nstudy"


@pytest.mark.parametrize(("name", "author"), [("Ada", "Ada"), ("", "Nightlab")])
def test_a_commit_is_signed_with_the_users_name_or_ours(
    top: Path, repository: Repository, name: str, author: str
) -> None:
    git(top, "config", "user.name", name)
    git(top, "config", "user.email", "ada@example.org")
    new = repository.commit(repository.head(), {"train.py": b""}, "x")
    assert git(top, "log", "-1", "--format=%an", new) == author


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("src/a.py", FILES["src/a.py"], b"a = 1\nb = 2\n"),
        ("crlf.txt", FILES["crlf.txt"], b"one\r\n2\r\n"),
        ("src/a.py", FILES["src/a.py"], None),
        ("made/ü b.py", None, b"new\n"),
        ("train.py", FILES["train.py"], b"no line end"),
    ],
)
def test_a_diff_is_one_that_git_can_apply(
    top: Path, repository: Repository, path: str, old: bytes | None, new: bytes | None
) -> None:
    diff = top.parent / "a.diff"
    diff.write_bytes(repository.diff(path, old, new).encode())
    git(top, "apply", str(diff))
    assert (top / path).read_bytes() == new if new is not None else not (top / path).exists()


# -- branches ---------------------------------------------------------------------------------


def test_a_branch_is_made_and_moved(top: Path, repository: Repository) -> None:
    base = repository.head()
    one = repository.commit(base, {"train.py": b"1"}, "one")
    assert repository.tip("autoresearch/t") is None
    repository.move("autoresearch/t", base, None)
    assert repository.tip("autoresearch/t") == base
    repository.move("autoresearch/t", one, base)
    assert repository.tip("autoresearch/t") == one
    git(top, "pack-refs", "--all")
    assert repository.tip("autoresearch/t") == one
    assert repository.head() == base


def test_a_branch_that_was_moved_stays_where_it_is(top: Path, repository: Repository) -> None:
    base = repository.head()
    one, two = (repository.commit(base, {"train.py": text}, "x") for text in (b"1", b"2"))
    repository.move("autoresearch/t", base, None)
    git(top, "update-ref", "refs/heads/autoresearch/t", one)
    with pytest.raises(NightlabError, match=r"is not where Nightlab left it .*`--new`"):
        repository.move("autoresearch/t", two, base)
    with pytest.raises(NightlabError, match="is not where Nightlab left it"):
        repository.move("autoresearch/t", two, None)
    assert repository.tip("autoresearch/t") == one
    git(top, "update-ref", "-d", "refs/heads/autoresearch/t")
    with pytest.raises(NightlabError, match="is not where Nightlab left it"):
        repository.move("autoresearch/t", two, one)
    assert repository.tip("autoresearch/t") is None


def test_a_move_stays_in_its_repository_when_git_is_told_of_another(
    top: Path, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    new_repository(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))  # as in a hook or an alias
    repository.move("autoresearch/t", repository.head(), None)
    monkeypatch.undo()
    assert git(top, "branch", "--list", "--all").split() == ["autoresearch/t", "*", "main"]
    assert git(other, "branch").split() == ["*", "main"]


@pytest.fixture
def hooked(top: Path) -> Path:
    """A study with hooks, filters and fsmonitor that each leave a file behind when they run."""
    ran = top.parent / "ran"
    hook = f"#!/bin/sh\necho $0 >> {ran}\n"
    for name in ("reference-transaction", "pre-commit", "post-commit", "post-checkout", "fsm"):
        path = top / ".git" / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(hook)
        path.chmod(0o755)
    for key, value in {
        "core.hooksPath": str(top / ".git" / "hooks"),
        "core.fsmonitor": str(top / ".git" / "hooks" / "fsm"),
        "core.autocrlf": "true",
        "filter.loud.smudge": f"sh -c 'echo smudge >> {ran}; tr a-z A-Z'",
        "filter.loud.clean": f"sh -c 'echo clean >> {ran}; tr A-Z a-z'",
        "filter.loud.required": "true",
    }.items():
        pygit2.Repository(str(top)).config[key] = value
    (top / ".gitattributes").write_text("* text=auto eol=crlf ident\n*.py filter=loud\n")
    return ran


def test_hooks_filters_and_fsmonitor_of_the_study_do_not_run(
    top: Path, hooked: Path, tmp_path: Path
) -> None:
    repository = Repository(top)
    base = repository.head()
    attributes = (top / ".gitattributes").read_bytes()
    edits = {".gitattributes": attributes, "train.py": b"lower $Id$\n", "new.txt": b"a\nb\r\n"}
    new = repository.commit(base, edits, "x")
    repository.pin("refs/nightlab/t/1", new)
    repository.move("autoresearch/t", new, None)
    repository.export(new, tmp_path / "out")
    repository.throwaway(new, tmp_path / "away")
    for folder in ("out", "away"):
        assert (tmp_path / folder / "train.py").read_bytes() == b"lower $Id$\n"
        assert (tmp_path / folder / "new.txt").read_bytes() == b"a\nb\r\n"
        assert (tmp_path / folder / "crlf.txt").read_bytes() == FILES["crlf.txt"]
    assert not hooked.exists()
    git(top, "update-ref", "refs/heads/x", base)
    assert "reference-transaction" in hooked.read_text()  # they do run for others


def test_where_a_branch_is_checked_out(top: Path, tmp_path: Path) -> None:
    repository = Repository(top)
    git(top, "branch", "autoresearch/t")
    git(top, "branch", "main-2")
    git(top, "worktree", "add", "--quiet", str(tmp_path / "tree"), "autoresearch/t")
    linked = Repository(tmp_path / "tree")
    for opened in (repository, linked):
        where = [opened.checked_out(b) for b in ("main", "autoresearch/t", "main-2", "no")]
        assert where == [top, tmp_path / "tree", None, None]


def test_a_linked_worktree_shares_the_git_folder(top: Path, tmp_path: Path) -> None:
    git(top, "worktree", "add", "--quiet", str(tmp_path / "tree"), "-b", "side")
    linked = Repository(tmp_path / "tree" / "src")
    assert linked.common == top / ".git"
    assert linked.prefix == "src/"
    assert linked.branch_name() == "side"
    new = linked.commit(linked.head(), {"a.py": b"a = 5\n"}, "x")
    linked.move("autoresearch/t", new, None)
    assert Repository(top).tip("autoresearch/t") == new
    linked.exclude(["results.tsv"])
    assert "/src/results.tsv" in (top / ".git/info/exclude").read_text().splitlines()


# -- plain files ------------------------------------------------------------------------------


def test_an_export_is_plain_files_with_their_modes(repository: Repository, tmp_path: Path) -> None:
    out = tmp_path / "out"
    repository.export(repository.head(), out)
    assert {n: (out / n).read_bytes() for n in FILES} == FILES
    assert stat.S_IMODE((out / "run.sh").stat().st_mode) & 0o111
    assert not stat.S_IMODE((out / "train.py").stat().st_mode) & 0o111
    assert (out / "link").is_symlink() and (out / "link").read_bytes() == FILES["src/a.py"]
    assert not (out / ".git").exists()
    left_out = tmp_path / "less"
    repository.export(repository.head(), left_out, ["data/val", "src"])
    assert {p.name for p in left_out.iterdir()} == {
        "train.py",
        "crlf.txt",
        "data",
        "run.sh",
        "link",
    }
    assert {p.name for p in (left_out / "data").iterdir()} == {"train.txt"}


def test_names_that_are_not_utf_8_survive(tmp_path: Path) -> None:
    if os.fsencode(os.fsdecode(b"\xff")) != b"\xff":
        pytest.skip("this platform's file names are text")
    name = os.fsdecode(b"caf\xe9")
    new_repository(tmp_path / "study", {name: b"x"})
    (tmp_path / "study" / "odd").symlink_to(name)
    git(tmp_path / "study", "add", "odd")
    git(tmp_path / "study", "commit", "--quiet", "-m", "x")
    repository = Repository(tmp_path / "study")
    repository.export(repository.head(), tmp_path / "out")
    assert (tmp_path / "out" / "odd").read_bytes() == b"x"


def test_digests_are_of_every_file_but_links(repository: Repository) -> None:
    digests = repository.digests(repository.head())
    assert set(digests) == {*FILES, "run.sh"}
    assert digests["train.py"] == file_digest(FILES["train.py"]) != digests["src/a.py"]


def test_a_throwaway_has_one_commit_and_no_way_back(
    top: Path, repository: Repository, tmp_path: Path
) -> None:
    git(top, "remote", "add", "origin", "https://example.org/x.git")
    first = repository.head()
    second = repository.commit(first, {"train.py": b"A = 2\n"}, "second")
    away = tmp_path / "away"
    repository.throwaway(second, away, ["data/val"])
    assert git(away, "log", "--all", "--format=%s") == "study"
    assert git(away, "remote") == ""
    assert git(away, "status", "--porcelain") == ""
    assert not (away / ".git/objects/info/alternates").exists()
    assert str(top).encode() not in b"".join(everything(away).values())
    listed = git(away, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    assert listed == sorted(({*FILES} - {"data/val/x.bin"}) | {"run.sh", "link"})
    objects = git(away, "cat-file", "--batch-all-objects", "--batch-check").split()
    hidden = git(top, "rev-parse", "HEAD:data/val/x.bin")
    assert hidden not in objects and first not in objects and second not in objects
    assert not (away / "data/val").exists()


def test_a_throwaway_holds_what_is_committed_though_ignored(
    repository: Repository, tmp_path: Path
) -> None:
    new = repository.commit(repository.head(), {".gitignore": b"*.txt\n"}, "x")
    repository.throwaway(new, tmp_path / "away")
    assert "crlf.txt" in git(tmp_path / "away", "ls-files").splitlines()


@pytest.mark.parametrize(
    "name_of",
    [
        lambda top: "data/val",
        lambda top: "data/val/",
        lambda top: "./data/../data/val",
        lambda top: str(top / "data" / "val"),
    ],
)
def test_hidden_paths_are_hidden_however_they_are_written(
    top: Path, repository: Repository, tmp_path: Path, name_of: Callable[[Path], str]
) -> None:
    repository.throwaway(repository.head(), tmp_path / "away", [name_of(top)])
    assert not (tmp_path / "away/data/val").exists()
    assert (tmp_path / "away/data/train.txt").exists()
    assert (top / "data/val/x.bin").exists()


def test_hiding_a_path_outside_the_study_deletes_nothing_there(
    top: Path, repository: Repository, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    (precious / "val").mkdir(parents=True)
    (precious / "val" / "x").write_text("x")
    (top / "linked").symlink_to(precious)
    git(top, "add", "linked")
    git(top, "commit", "--quiet", "-m", "a link to data elsewhere")
    # only paths below tmp_path: should this ever break, nothing else may be lost
    hidden = [str(precious / "val"), "linked/val", "../../precious"]
    repository.throwaway(repository.head(), tmp_path / "a" / "way", hidden)
    assert (precious / "val" / "x").exists()
    assert (tmp_path / "a/way/train.py").exists()


def test_hidden_paths_of_a_study_in_a_folder(top: Path, tmp_path: Path) -> None:
    inner = Repository(top / "data")
    assert inner.within(["val", "/elsewhere", "../src", "..", "../.."]) == ("data/val", "src")
    inner.throwaway(inner.head(), tmp_path / "away", ["val"])
    assert not (tmp_path / "away/data/val").exists()


@pytest.mark.parametrize(
    ("path", "below"),
    [("a", True), ("a/b", True), ("ab", False), ("b/a", False), ("c/d/e", True), ("c", False)],
)
def test_what_is_below(path: str, below: bool) -> None:
    assert is_below(path, ["a", "c/d"]) is below


# -- the rest ---------------------------------------------------------------------------------


def test_views_are_excluded_once(top: Path, repository: Repository) -> None:
    exclude = top / ".git/info/exclude"
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text("*.o")
    repository.exclude(["results.tsv", "charts/"])
    once = exclude.read_text()
    assert once == "*.o\n/results.tsv\n/charts/\n"
    repository.exclude(["charts/", "results.tsv"])
    assert exclude.read_text() == once
    (top / "results.tsv").write_text("x")
    assert git(top, "status", "--porcelain") == ""
    exclude.unlink()
    repository.exclude(["results.tsv"])
    assert exclude.read_text() == "/results.tsv\n"


def test_uncommitted_files_of_the_study_alone(top: Path) -> None:
    (top / ".git/info").mkdir(exist_ok=True)
    (top / ".git/info/exclude").write_text("ignored\n")
    for name in ("src/new.py", "src/ignored", "elsewhere.py"):
        (top / name).write_text("x")
    (top / "src/a.py").unlink()
    assert Repository(top / "src").uncommitted() == ["a.py", "new.py"]


def test_a_folder_becomes_a_repository_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    (tmp_path / "b.log").write_text("x")
    (tmp_path / ".gitignore").write_text("*.log\n")
    init_repository(tmp_path, "A study")
    repository = Repository(tmp_path)
    assert set(repository.files(repository.head())) == {"a.py", ".gitignore"}
    assert repository.branch_name() == "main"
    assert git(tmp_path, "log", "--format=%s") == "A study"
    assert repository.uncommitted() == []


def test_git_is_here() -> None:
    assert git_is_installed()
