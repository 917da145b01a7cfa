"""Folders that a stranger has filled are removed, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nightlab.disk import clear


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "run"
    (made / "a" / "b").mkdir(parents=True)
    (made / "a" / "file").write_text("x")
    return made


def dig(folder: Path, depth: int) -> None:
    """Folders in folders, deeper than a path may be long."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("inner", dir_fd=here)
        below = os.open("inner", os.O_RDONLY, dir_fd=here)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=below))
        os.close(here)
        here = below
    os.close(here)


def test_what_is_in_it_goes(folder: Path) -> None:
    clear(folder)
    assert not folder.exists()


def test_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    clear(tmp_path / "nowhere")


@pytest.mark.parametrize("depth", [50, 1500, 4000])
def test_folders_without_end(folder: Path, depth: int) -> None:
    dig(folder, depth)
    dig(folder / "a" / "b", depth)
    clear(folder)
    assert not folder.exists()


def test_rights_that_were_taken_away(folder: Path) -> None:
    (folder / "a" / "b").chmod(0)
    (folder / "a").chmod(0o500)
    clear(folder)
    assert not folder.exists()


def test_links_go_and_what_they_lead_to_stays(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "deep").mkdir(parents=True)
    (kept / "file").write_text("kept")
    mode = kept.stat().st_mode
    (folder / "link").symlink_to(kept)
    (folder / "a" / "link").symlink_to(kept / "deep")
    dig(folder, 1500)
    clear(folder)
    assert not folder.exists()
    assert (kept / "file").read_text() == "kept" and (kept / "deep").is_dir()
    assert kept.stat().st_mode == mode


def test_of_a_link_the_link(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / "link").symlink_to(kept)
    clear(tmp_path / "link")
    assert kept.is_dir() and not (tmp_path / "link").is_symlink()
