"""The harness: all files of a study that no change may touch, and what differs between commits."""

from __future__ import annotations

from nightlab.change import Surface
from nightlab.change.repository import Repository

STEERING = ("program.md", ".gitignore")
"""These tell Nightlab how to go about it; what is measured does not depend on them."""


def changed_files(
    repository: Repository, one: str, other: str, surface: Surface | None = None
) -> list[str]:
    """Files that two commits don't have alike, but for what steers Nightlab, and for a surface."""
    then, now = repository.files(one), repository.files(other)
    return sorted(
        path
        for path in {*then, *now}
        if path not in STEERING
        and not (surface and surface.owns(path))
        and then.blob(path) != now.blob(path)
    )
