"""The ledger: one SQLite file of events, append-only, on disk before the world changes."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nightlab.remember.events import (
    Event,
    RunEnded,
    RunStarted,
    Spent,
    TrialOpened,
    TrialSettled,
    decode_all,
    encode,
)
from nightlab.types import Decision, NightlabError

VERSION = 1
STUDY = ""
"""Where a tag would stand: of events that belong to the study, and to no campaign."""

_BATCH = 500

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign TEXT NOT NULL,
    at       REAL NOT NULL,
    kind     TEXT NOT NULL,
    body     TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_campaign ON events (campaign, id);
CREATE TRIGGER IF NOT EXISTS events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_are_never_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


@dataclass(frozen=True)
class Entry:
    """One row: an event, when it happened, and its place in the ledger."""

    id: int
    at: float
    event: Event


_QUICK = 1.0
"""Seconds. A run that took less is not worth a sync of its own."""

_LONGEST = 1.0
"""Seconds. What can wait for a sync waits no longer, as long as events come."""


class Ledger:
    """Every event of every campaign of a study. Safe to read while another process writes.

    Of a `quick` one the runs take milliseconds, less than a sync of the disk does. There what can
    be had again for as little (an idea that nobody was paid for and its opening, a run's start, a
    short run's end, a discard) is on disk for sure with the next event that is synced, and one is
    every second. Killing the process loses nothing either way; a power cut may cost the last
    moments, and they are made again.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.clock = clock
        self.quick = False
        self._waits = False
        self._synced = -math.inf
        self._paid = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._prepare()
        except sqlite3.OperationalError as error:
            mend = "see to disk space and permissions; the ledger itself is as it was"
            raise NightlabError(f"cannot use the ledger {path} ({error}); {mend}") from error
        except sqlite3.DatabaseError as error:
            mend = "move it away to begin again, or restore it from a backup"
            raise NightlabError(f"cannot use the ledger {path} ({error}); {mend}") from error
        except OSError as error:
            raise NightlabError(f"cannot write the ledger {path}: {error.strerror}") from error

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise NightlabError(
                f"the ledger {self.path} is of format {version}, newer than this Nightlab's"
                f" {VERSION}; upgrade Nightlab"
            )
        if version < VERSION:
            self._db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={VERSION};COMMIT;")

    def append(
        self, campaign: str, events: Sequence[Event], times: Sequence[float] | None = None
    ) -> list[Entry]:
        """Write events in one transaction, on disk when this returns.

        `times` says when each happened, where that was not just now.
        """
        times = times or [self.clock()] * len(events)
        try:
            self._sync(not self.quick or not self._may_wait(events))
            self._db.execute("BEGIN IMMEDIATE")
            try:
                stamped = zip(times, events, strict=True)
                entries = [Entry(self._insert(campaign, at, e), at, e) for at, e in stamped]
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            mend = "all that was written before is safe; mend it and run `nightlab run` again"
            raise NightlabError(f"cannot write the ledger {self.path} ({error}); {mend}") from error
        return entries

    def _may_wait(self, events: Sequence[Event]) -> bool:
        """Whether these need not be on disk at once. What follows a payment was paid for."""
        late = time.monotonic() - self._synced >= _LONGEST
        paid, self._paid = self._paid, any(isinstance(event, Spent) for event in events)
        return not (late or paid) and all(map(_can_wait, events))

    def _sync(self, now: bool) -> None:
        """Whether the next transaction waits for the disk: with WAL it is whole either way.

        Source: SQLite, Write-Ahead Logging, and PRAGMA synchronous.
        """
        if now:
            self._synced = time.monotonic()
        if self._waits is now:
            self._waits = not now
            self._db.execute(f"PRAGMA synchronous={'FULL' if now else 'NORMAL'}")

    def _insert(self, campaign: str, at: float, event: Event) -> int:
        cursor = self._db.execute(
            "INSERT INTO events (campaign, at, kind, body) VALUES (?, ?, ?, ?)",
            (campaign, at, event.kind, encode(event)),
        )
        return int(cursor.lastrowid or 0)

    def read(self, campaign: str, after: int = 0) -> Iterator[Entry]:
        """The events of one campaign, oldest first. Raises NightlabError for a damaged file."""
        with self._reading():
            rows = self._db.execute(
                "SELECT id, at, kind, body FROM events WHERE campaign = ? AND id > ? ORDER BY id",
                (campaign, after),
            )
            while batch := rows.fetchmany(_BATCH):
                events = decode_all([(kind, body) for _, _, kind, body in batch])
                for (number, at, _, _), event in zip(batch, events, strict=True):
                    yield Entry(number, at, event)

    def campaigns(self) -> list[str]:
        """The tags of all campaigns, the one that was worked on last at the end."""
        with self._reading():
            rows = self._db.execute(
                "SELECT campaign FROM events WHERE campaign != ? GROUP BY campaign"
                " ORDER BY MAX(id)",
                (STUDY,),
            )
            return [campaign for (campaign,) in rows]

    def of_kinds(self, kinds: Sequence[str], after: int = 0) -> list[tuple[str, Entry]]:
        """Events of these kinds from all campaigns, each with its campaign's tag, oldest first."""
        some = ", ".join("?" for _ in kinds)
        with self._reading():
            rows = self._db.execute(
                f"SELECT campaign, id, at, kind, body FROM events WHERE id > ? AND kind IN ({some})"
                " ORDER BY id",
                (after, *kinds),
            ).fetchall()
            events = decode_all([(kind, body) for *_, kind, body in rows])
        return [
            (campaign, Entry(number, at, event))
            for (campaign, number, at, _, _), event in zip(rows, events, strict=True)
        ]

    def campaigns_as_begun(self) -> list[str]:
        """The tags of all campaigns, the one that was begun last at the end."""
        with self._reading():
            rows = self._db.execute(
                "SELECT campaign FROM events WHERE campaign != ? GROUP BY campaign"
                " ORDER BY MIN(id)",
                (STUDY,),
            )
            return [tag for (tag,) in rows]

    def campaign_before(self, campaign: str) -> str | None:
        """The tag of the campaign that was begun last before this one."""
        tags = self.campaigns_as_begun()
        return tags[tags.index(campaign) - 1] if campaign in tags[1:] else None

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            mend = "restore it from a backup, or move it away to begin again"
            raise NightlabError(f"cannot read the ledger {self.path} ({error}); {mend}") from error

    def close(self) -> None:
        """Close the file. Events are on disk already."""
        self._db.close()


def _can_wait(event: Event) -> bool:
    if isinstance(event, RunEnded):
        return event.seconds < _QUICK
    if isinstance(event, TrialSettled):
        return event.decision == Decision.DISCARD.value
    if isinstance(event, TrialOpened):
        return not event.edited
    return isinstance(event, RunStarted)
