"""A run's folder: protected files, artifacts."""

from __future__ import annotations

import os
import shutil
from hashlib import blake2b
from pathlib import Path

import pytest

from nightlab.run.conformance import sample_job
from nightlab.run.folder import RunFolder
from nightlab.run.settings import RunSettings

FILES = {"train.py": "t", "harness.py": "h", "lib/deep.py": "d"}
PROTECTED = {
    name: blake2b(text.encode(), digest_size=16).hexdigest()
    for name, text in FILES.items()
    if name != "train.py"
}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    (tmp_path / "study").mkdir()
    made = RunFolder(tmp_path / "run", tmp_path / "study", "", RunSettings(train="x"))
    made.lay(sample_job(1, 7, tmp_path, FILES), pristine=False)
    made.seal(tuple(PROTECTED))
    return made


def test_nothing_has_changed_at_first(folder: RunFolder) -> None:
    assert folder.changed(PROTECTED) == []
    (folder.path / "train.py").write_text("mine to change")
    (folder.path / "new.py").write_text("new")
    assert folder.changed(PROTECTED) == []


@pytest.mark.parametrize(
    "tamper",
    [
        lambda f: f.write_text("other"),
        lambda f: f.unlink(),
        lambda f: (f.unlink(), f.mkdir()),
        lambda f: (f.unlink(), f.symlink_to("train.py")),
        lambda f: f.chmod(0o600),
        lambda f: (f.write_text("evil"), f.write_text("h")),
        lambda f: (shutil.copy2(f, f"{f}.old"), f.unlink(), Path(f"{f}.old").rename(f)),
        lambda f: os.utime(f, ns=(0, f.stat().st_mtime_ns)),
        lambda f: Path(f"{f}.too").hardlink_to(f),
    ],
    ids=["written", "gone", "folder", "link", "mode", "put-back", "replaced", "touched", "linked"],
)
def test_whatever_is_done_to_a_protected_file_shows(folder: RunFolder, tamper: object) -> None:
    tamper(folder.path / "harness.py")  # type: ignore[operator]
    assert folder.changed(PROTECTED) == ["harness.py"]


def test_a_linked_folder_on_the_way_shows(folder: RunFolder) -> None:
    (folder.path / "lib").rename(folder.path / "elsewhere")
    (folder.path / "lib").symlink_to("elsewhere")
    (folder.path / "elsewhere" / "deep.py").write_text("evil")
    assert folder.changed(PROTECTED) == ["lib/deep.py"]


class TestArtifacts:
    def collect(self, folder: RunFolder, tmp_path: Path, largest: int = 100) -> list[str]:
        return folder.collect(["model.pt"], tmp_path / "store", largest)

    def test_a_plain_file_is_taken(self, folder: RunFolder, tmp_path: Path) -> None:
        (folder.path / "model.pt").write_text("m")
        assert self.collect(folder, tmp_path) == []
        assert (tmp_path / "store" / "model.pt").read_text() == "m"

    @pytest.mark.parametrize(
        "make",
        [
            lambda p: p.symlink_to("train.py"),
            lambda p: p.mkdir(),
            lambda p: os.mkfifo(p),
            lambda p: p.hardlink_to(p.with_name("train.py")),
            lambda p: p.write_text("x" * 101),
            lambda p: None,
        ],
        ids=["link", "folder", "pipe", "hard-link", "large", "none"],
    )
    def test_nothing_else_is(self, folder: RunFolder, tmp_path: Path, make: object) -> None:
        make(folder.path / "model.pt")  # type: ignore[operator]
        assert self.collect(folder, tmp_path) == ["model.pt"]
        assert not (tmp_path / "store" / "model.pt").exists()
