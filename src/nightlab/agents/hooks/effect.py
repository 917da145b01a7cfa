"""The policy by effect: protected files and refs, compared before and after a tool."""

from __future__ import annotations

import json
import os
import shlex
import stat
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import blake2b, sha1
from pathlib import Path

from nightlab.agents.hooks.outline import Outline, outline_of
from nightlab.agents.hooks.place import Place, loose_refs, packed_refs
from nightlab.remember.replace import replace_file

SETTINGS = (".claude/settings.json", ".codex/hooks.json", ".codex/config.toml")
"""Where hooks are installed, below the study."""

_LARGEST = 4_000_000
"""Bytes of a file that is read; of a larger one its size and times must do."""

_MOST = 4000
"""Files that are read for the first snapshot; of the rest size and times must do."""


@dataclass(frozen=True)
class Snapshot:
    """How things stood. `files` has (signature, digest) by path relative to the checkout's top.

    `waiting` says that a tool has begun, and nobody has looked since.
    """

    head: str = ""
    branch: str = ""
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    tips: dict[str, str] = field(default_factory=dict)
    pins: tuple[str, ...] = ()
    waiting: bool = False


@dataclass(frozen=True)
class Difference:
    """What is not as it was: files of the harness, campaign branches, and pins that are gone."""

    files: tuple[str, ...] = ()
    tips: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.tips or self.pins)


class Snapshots:
    """The last snapshot, on disk between the hook before a tool and the one after it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.path = place.home / "agents" / "snapshot.json"

    def read(self) -> Snapshot | None:
        """The last one; None where there is none, or it is torn."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            files = {str(path): (str(one), str(two)) for path, (one, two) in data["files"].items()}
            return Snapshot(**{**data, "files": files, "pins": tuple(data["pins"])})
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def write(self, snapshot: Snapshot) -> None:
        """Keep it for the next hook."""
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.path, [json.dumps(asdict(snapshot))])


def take(place: Place, outline: Outline, last: Snapshot | None, waiting: bool) -> Snapshot:
    """How things stand now. What has the signature of last time is not read again."""
    before = last.files if last else {}
    wanted = dict.fromkeys([*outline.protected, place.program, *_settings(place)])
    files: dict[str, tuple[str, str]] = {}
    for count, path in enumerate(wanted):
        full = place.top / path
        signature = _signature(full)
        known = before.get(path)
        if known and known[0] == signature:
            files[path] = known
        else:
            files[path] = (signature, _digest(full) if count < _MOST else "")
    names = _refs(place)
    return Snapshot(
        head=place.head,
        branch=place.branch,
        files=files,
        tips={n: place.tip(n) for n in sorted(_branches(names, outline))},
        pins=tuple(sorted(n for n in names if n.startswith("refs/nightlab/"))),
        waiting=waiting,
    )


def compare(place: Place, before: Snapshot, after: Snapshot) -> Difference:
    """What has changed between two snapshots.

    A file that is as HEAD has it counts for nothing where HEAD stood still, or came to another
    branch or to a campaign's commit: that is how files are put back.
    """
    elsewhere = before.branch != after.branch or after.head in after.tips.values()
    still = before.head == after.head
    outline = outline_of(place)
    changed = tuple(
        path
        for path, (signature, digest) in before.files.items()
        if not _same((signature, digest), after.files.get(path) or _now(place, path))
        and not (
            (elsewhere or (still and _is_other(digest, place, path)))
            and _is_committed(place, path, outline.protected.get(path, ""))
        )
    )
    moved = tuple(name for name, tip in before.tips.items() if after.tips.get(name) != tip)
    return Difference(changed, moved, tuple(sorted({*before.pins} - {*after.pins})))


def _is_other(digest: str, place: Place, path: str) -> bool:
    """Whether it held something else before, and not only another mode."""
    return digest.removeprefix("run ") != _digest(place.top / path).removeprefix("run ")


def _settings(place: Place) -> list[str]:
    """The agents' settings that hold the hooks, where there are any."""
    folder = place.study.relative_to(place.top)
    found = [(folder / name).as_posix() for name in SETTINGS]
    return [path for path in found if (place.top / path).exists()]


def _now(place: Place, path: str) -> tuple[str, str]:
    """Of a file that is no longer committed."""
    return _signature(place.top / path), _digest(place.top / path)


def _same(old: tuple[str, str], new: tuple[str, str]) -> bool:
    return old[0] == new[0] or (bool(old[1]) and old[1] == new[1])


def _signature(path: Path) -> str:
    """Changes whenever the file is written, even where its time is set back."""
    try:
        found = path.lstat()
    except OSError:
        return "gone"
    facts = (found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    return " ".join(map(str, facts))


def _digest(path: Path) -> str:
    """Identity of what a file holds, and whether it is run; "" where it is too large to read."""
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            return f"link {blake2b(os.fsencode(path.readlink()), digest_size=16).hexdigest()}"
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
            return ""
        held = blake2b(path.read_bytes(), digest_size=16).hexdigest()
        return f"{'run ' if found.st_mode & 0o100 else ''}{held}"
    except OSError:
        return "gone"


def _is_committed(place: Place, path: str, blob: str) -> bool:
    """Whether the file holds what HEAD has. `blob` is git's name for that."""
    try:
        data = (place.top / path).read_bytes()
    except OSError:
        return not blob
    head = f"blob {len(data)}\0".encode()
    return sha1(head + data, usedforsecurity=False).hexdigest() == blob


def _refs(place: Place) -> list[str]:
    loose = [*loose_refs(place.common, "refs/nightlab"), *loose_refs(place.common, "refs/heads")]
    return sorted({*loose, *packed_refs(place.common)})


def _branches(names: list[str], outline: Outline) -> list[str]:
    """Branches with the campaigns' prefix, desks left out: those are the agent's."""
    prefix = f"refs/heads/{outline.branch}/"
    return [n for n in names if n.startswith(prefix) and not n.endswith("-desk")]


def restoring(paths: tuple[str, ...], before: Snapshot, after: Snapshot) -> str:
    """The command that brings files back as they were committed before."""
    since = "HEAD" if before.head == after.head or not before.head else before.head[:12]
    return f"git checkout {since} -- {' '.join(map(shlex.quote, paths))}"


def paths_from(place: Place, paths: tuple[str, ...], cwd: Path) -> tuple[str, ...]:
    """Paths as a command in `cwd` must name them."""
    return tuple(os.path.relpath(place.top / path, cwd) for path in paths)
