"""A throwaway checkout, and what was edited there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pygit2
import pytest

from nightlab.change.repository import Repository
from nightlab.change.workspace import checkout

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
