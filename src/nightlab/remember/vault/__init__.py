"""A memory vault of Markdown notes, one a settled trial: a view of the ledger that others share.

Others read the notes, count their visits and consolidate them; what they write stays. The ledger
loses nothing when a note ages out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from nightlab.remember.vault.entry import FORM, Entry, entries, stamp
from nightlab.remember.vault.folder import Folder, id_of
from nightlab.remember.vault.note import Note, merged

CAP = 500
"""More of Nightlab's notes than this, and the least important ones age out to the archive."""

AT_ONCE = 100
"""As many age out in one export."""

PRECIOUS = 0.8
"""A note of more importance than this never ages out."""

KEPT_DAYS = 90
"""So long a note is kept in the archive."""


@dataclass(frozen=True)
class Exported:
    """What an export did. `notes` is how many of Nightlab's are in the vault now."""

    written: int
    updated: int
    archived: int
    removed: int
    notes: int


def export_vault(root: Path, found: Sequence[Entry], now: float) -> Exported:
    """Bring the notes up to date with these entries, the oldest first; then let old ones age out.

    Raises NightlabError where the vault's folders are links, OSError where it can't be written.
    """
    folder = Folder(root)
    notes, archived, forgotten = folder.notes(), folder.archived(), folder.forgotten()
    places = {note.identity: path for path, note in notes.items()}
    gone = forgotten | {note.identity for note in archived.values()}
    taken = {id_of(path) for path in (*notes, *archived)}
    written = updated = 0
    for entry in sorted(found, key=lambda each: each.at):
        path = places.get(entry.identity)
        if path is not None:
            fresh = _fresh(notes[path], entry, id_of(path), now)
            if fresh is not None:
                folder.write(path, fresh)
                notes[path], updated = fresh, updated + 1
        elif entry.identity not in gone:
            name = folder.free(entry.at, taken)
            taken.add(name)
            note = _fresh(Note({}, ""), entry, name, now)
            assert note is not None
            notes[folder.add(name, note)] = note
            written += 1
    moved = _age(folder, notes, now)
    old = {path: note for path, note in archived.items() if _is_old(note, now)}
    if old:
        folder.forget(old, forgotten)
    return Exported(written, updated, moved, len(old), len(notes) - moved)


def _fresh(old: Note, entry: Entry, name: str, now: float) -> Note | None:
    """The note as it should be, None where it is so already."""
    head = old.front or dict.fromkeys(("type", "id", "source_agent", "created", "updated"), "")
    new = merged(Note(head, old.text, old.below), entry.fields, entry.text)
    new.front["id"] = name
    if old.text and new.same_as(old):
        return None
    new.front["updated"] = stamp(now)
    return new


def _age(folder: Folder, notes: dict[Path, Note], now: float) -> int:
    """Let the least important notes age out, the oldest first. Returns how many did."""
    excess = min(AT_ONCE, len(notes) - CAP)
    if excess <= 0:
        return 0
    free = [(path, note) for path, note in notes.items() if note.importance <= PRECIOUS]
    free.sort(key=lambda each: (each[1].importance, id_of(each[0])))
    moved = 0
    for path, note in free[:excess]:
        note.front |= {"archived": stamp(now), "consolidation_status": "archived"}
        moved += folder.archive(path, note)
    return moved


def _is_old(note: Note, now: float) -> bool:
    """Whether it has been in the archive for long enough; never where that can't be told."""
    said = note.front.get("archived")
    try:
        since = said if isinstance(said, datetime) else datetime.strptime(str(said), FORM)
    except ValueError:
        return False
    since = since.replace(tzinfo=timezone.utc)
    return datetime.fromtimestamp(now, timezone.utc) - since > timedelta(days=KEPT_DAYS)


__all__ = ["Entry", "Exported", "entries", "export_vault"]
