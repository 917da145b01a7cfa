"""An edit that was made on one version of a file, applied to another."""

from __future__ import annotations

from collections.abc import Mapping

import pygit2
from pygit2.enums import FileMode

from nightlab.change import Files
from nightlab.change.repository import Repository
from nightlab.types import NightlabError

Pair = tuple["str | None", "str | None"]


def apply_three_way(
    edits: Mapping[str, Pair], files: Files, repository: Repository
) -> dict[str, str | None]:
    """New texts by path, from old and new ones, on top of `files`; None where there is no file.

    Raises NightlabError where both sides changed the same place.
    """
    found: dict[str, str | None] = {}
    for path, (old, new) in edits.items():
        ours = files[path].decode("utf-8", "replace") if path in files else None
        if new == ours or old == new:
            continue
        if old == ours:
            found[path] = new
        elif old is None or new is None or ours is None:
            raise NightlabError(f"{path}: the best has another file there; begin from the best")
        else:
            found[path] = _merged(path, old, ours, new, repository)
    return {path: text for path, text in found.items() if text != _text(files, path)}


def _text(files: Files, path: str) -> str | None:
    return files[path].decode("utf-8", "replace") if path in files else None


def _merged(path: str, old: str, ours: str, new: str, repository: Repository) -> str:
    repo = repository.repo
    ancestor, mine, theirs = (_tree(repo, text) for text in (old, ours, new))
    index = repo.merge_trees(ancestor, mine, theirs)
    if index.conflicts is not None:
        raise NightlabError(
            f"{path}: the edit and the best have changed the same place; take the best's version"
            " of it, and make the edit again"
        )
    merged: bytes = repo[index["file"].id].peel(pygit2.Blob).data
    return merged.decode()


def _tree(repo: pygit2.Repository, text: str) -> pygit2.Oid:
    builder = repo.TreeBuilder()
    builder.insert("file", repo.create_blob(text.encode()), FileMode.BLOB)
    return builder.write()
