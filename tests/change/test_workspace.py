"""A throwaway checkout, and what was edited there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pygit2
import pytest

from nightlab.change.repository import Repository
from nightlab.change.workspace import Unreadable, checkout

Edit = Callable[[Path], object]
Edits = Mapping[str, "str | None"]
FILES = {
    "train.py": b"A = 1\n",
    "src/a.py": b"a = 1\r\n",
    "data/val/x": b"x",
    "image.png": b"\x89PNG\xff\x00",
    "src/__pycache__/old.pyc": b"\x00",
    ".gitignore": b"*.log\nmodel.pt\n",
    "kept.log": b"committed though ignored\n",
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("study")
    repo = pygit2.init_repository(str(folder), initial_head="main")
    for name, content in FILES.items():
        blob = repo.create_blob(content)
        repo.index.add(pygit2.IndexEntry(name, blob, pygit2.enums.FileMode.BLOB))
    for name in ("link", "src/dangling"):
        target = repo.create_blob(b"train.py" if name == "link" else b"/nowhere")
        repo.index.add(pygit2.IndexEntry(name, target, pygit2.enums.FileMode.LINK))
    who = pygit2.Signature("t", "t@example.org")
    repo.create_commit("HEAD", who, who, "study", repo.index.write_tree(), [])
    return Repository(folder)


@pytest.fixture
def edits_of(repository: Repository, tmp_path: Path) -> Iterator[Callable[[Edit], Edits]]:
    def edits_of(edit: Edit) -> Edits:
        with checkout(repository, repository.head(), ["data/val/"], tmp_path / "scratch") as place:
            edit(place.folder)
            return place.edits()

    yield edits_of


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def replace_with_link(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("edit", "edits"),
    [
        (lambda top: None, {}),
        (lambda top: write(top / "train.py", "ü\r\n".encode()), {"train.py": "ü\r\n"}),
        (lambda top: write(top / "train.py", FILES["train.py"]), {}),
        (lambda top: write(top / "new/b.py", b"b\n"), {"new/b.py": "b\n"}),
        (lambda top: (top / "src/a.py").unlink(), {"src/a.py": None}),
        (lambda top: (top / "src/a.py").rename(top / "b"), {"src/a.py": None, "b": "a = 1\r\n"}),
        (lambda top: write(top / "src/__pycache__/a.pyc", b"\x00"), {}),
        (lambda top: write(top / ".git/hooks/x", b"x"), {}),
        (lambda top: write(top / "junk.bin", b"\xff\x00"), {"junk.bin": "\ufffd\x00"}),
        (lambda top: write(top / "model.pt", b"\xff"), {}),
        (lambda top: write(top / "src/deep/run.log", b"x"), {}),
        (lambda top: write(top / "kept.log", b"x"), {"kept.log": "x"}),
        (lambda top: (top / "kept.log").unlink(), {"kept.log": None}),
        (lambda top: write(top / "data/val/x", b"guess"), {"data/val/x": "guess"}),
        (lambda top: (top / "empty").mkdir(), {}),
        (lambda top: (top / "mine").symlink_to("train.py"), {}),
        (lambda top: (top / "link").unlink(), {"link": None}),
        (lambda top: replace_with_link(top / "link", "src/a.py"), {"link": None}),
        (lambda top: replace_with_link(top / "train.py", "src/a.py"), {"train.py": None}),
        (lambda top: (top / "link").unlink() or write(top / "link", b"x"), {"link": "x"}),
    ],
)
def test_edits(edits_of: Callable[[Edit], Edits], edit: Edit, edits: Edits) -> None:
    assert edits_of(edit) == edits


def test_the_checkout_goes_away_and_the_study_stays(repository: Repository, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    with pytest.raises(KeyError), checkout(repository, repository.head(), [], scratch) as place:
        assert (place.folder / "data/val/x").read_bytes() == b"x"
        assert (place.folder / ".git").is_dir()
        raise KeyError
    assert not scratch.exists()


def test_a_study_in_a_folder(repository: Repository, tmp_path: Path) -> None:
    inner = Repository(_checked_out(repository, tmp_path / "whole") / "src")
    with checkout(inner, inner.head(), ["../data"], tmp_path / "scratch") as place:
        assert place.folder.name == "src"
        assert not (place.folder.parent / "data").exists()
        assert place.edits() == {}
        write(place.folder / "a.py", b"x")
        write(place.folder / "b.log", b"x")
        write(place.folder.parent / "train.py", b"not of this study")
        assert place.edits() == {"a.py": "x"}


def _checked_out(repository: Repository, folder: Path) -> Path:
    repository.throwaway(repository.head(), folder)
    return folder


class TestWhatAProgramMayLeave:
    """It had the folder to itself, with its repository."""

    @pytest.mark.parametrize("name", [".gitignore", ".git/info/exclude", "src/.gitignore"])
    def test_a_pipe_in_place_of_rules_holds_nobody_up(
        self, edits_of: Callable[[Edit], Edits], name: str
    ) -> None:
        def edit(folder: Path) -> None:
            (folder / name).unlink(missing_ok=True)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(folder / name)
            write(folder / "new.py", b"new")

        assert edits_of(edit)["new.py"] == "new"

    def test_rules_of_its_own_hide_nothing(self, edits_of: Callable[[Edit], Edits]) -> None:
        def edit(folder: Path) -> None:
            write(folder / ".gitignore", b"*\n")
            write(folder / "new.py", b"new")

        assert edits_of(edit) == {".gitignore": "*\n", "new.py": "new"}

    def test_a_file_too_large_is_no_edit(self, edits_of: Callable[[Edit], Edits]) -> None:
        def edit(folder: Path) -> None:
            with (folder / "train.py").open("wb") as file:
                file.truncate(6_000_000_000)

        with pytest.raises(Unreadable, match=r"train\.py has more than 16 MB"):
            edits_of(edit)

    def test_folders_without_end_are_no_edit(self, edits_of: Callable[[Edit], Edits]) -> None:
        def edit(folder: Path) -> None:
            here = os.open(folder, os.O_RDONLY)
            for _ in range(1500):
                os.mkdir("inner", dir_fd=here)
                below = os.open("inner", os.O_RDONLY, dir_fd=here)
                os.close(here)
                here = below
            os.close(here)

        with pytest.raises((Unreadable, OSError)):
            edits_of(edit)

    def test_a_link_that_leads_out_is_not_followed(self, tmp_path: Path) -> None:
        top, elsewhere = tmp_path / "top", tmp_path / "elsewhere"
        (top / "lab").mkdir(parents=True)
        write(top / "lab" / "train.py", b"x = 1\n")
        write(elsewhere / "diary.txt", b"private")
        repo = pygit2.init_repository(str(top), initial_head="main")
        repo.index.add_all()
        who = pygit2.Signature("t", "t@example.org")
        repo.create_commit("HEAD", who, who, "study", repo.index.write_tree(), [])
        study = Repository(top / "lab")
        with checkout(study, study.head(), [], tmp_path / "scratch") as place:
            place.folder.rename(place.folder.with_name("moved"))
            place.folder.symlink_to(elsewhere)
            with pytest.raises(Unreadable, match="leads out"):
                place.edits()
        assert (elsewhere / "diary.txt").read_text() == "private"
