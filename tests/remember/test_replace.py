"""A file is written whole or not at all, and what a killed process left is no hindrance."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightlab.remember.replace import replace_file


def broken() -> Iterator[str]:
    yield "half"
    raise ValueError("no more")


def test_it_is_there_whole_with_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    replace_file(path, ["one\n", "zwölf\n"])
    assert path.read_bytes() == "one\nzwölf\n".encode()
    path.chmod(0o640)
    replace_file(path, ["two"])
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_half_a_file_is_never_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ValueError, match="no more"):
        replace_file(path, broken())
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


def test_what_a_killed_process_left_gives_way(tmp_path: Path) -> None:
    path, left, other = tmp_path / "a.txt", tmp_path / f".a.txt.{os.getpid()}.new", tmp_path / "b"
    other.write_text("not ours")
    for leave in (lambda: left.write_text("torn"), lambda: left.symlink_to(other)):
        leave()
        replace_file(path, ["new"])
        assert path.read_text() == "new" and not left.is_symlink() and not left.exists()
    assert other.read_text() == "not ours"


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    path, other = tmp_path / "a.txt", tmp_path / "b"
    other.write_text("not ours")
    path.symlink_to(other)
    replace_file(path, ["new"])
    assert not path.is_symlink() and path.read_text() == "new"
    assert other.read_text() == "not ours"
