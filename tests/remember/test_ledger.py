"""The ledger: append-only, atomic, readable beside a writer, honest about damage."""

from __future__ import annotations

import sqlite3
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.remember.events import (
    KINDS,
    ChangeRefused,
    RunEnded,
    RunStarted,
    SessionEnded,
    Spent,
    TrialOpened,
    TrialSettled,
    decode,
    encode,
)
from nightlab.remember.ledger import Ledger
from nightlab.types import NightlabError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def refused(reason: str) -> ChangeRefused:
    return ChangeRefused("s", "e", reason, {"x": 1.5})


def test_events_come_back_in_order_by_campaign(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a" / "ledger.db", clock=lambda: 12.5)
    ledger.append("one", [refused("a"), refused("b")])
    ledger.append("two", [refused("c")])
    ledger.append("one", [SessionEnded("done")])
    assert [e.event for e in ledger.read("one")] == [
        refused("a"),
        refused("b"),
        SessionEnded("done"),
    ]
    assert [e.at for e in ledger.read("two")] == [12.5]
    assert ledger.campaigns() == ["two", "one"]
    first = next(ledger.read("one"))
    assert len(list(ledger.read("one", after=first.id))) == 2


def test_an_event_keeps_the_time_it_was_given(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db", clock=lambda: 12.5)
    written = ledger.append("one", [refused("a"), refused("b")], [3.0, 4.25])
    assert [e.at for e in written] == [e.at for e in ledger.read("one")] == [3.0, 4.25]
    with pytest.raises(ValueError, match="zip"):
        ledger.append("one", [refused("c"), refused("d")], [5.0])
    assert len(list(ledger.read("one"))) == 2, "the transaction must be rolled back whole"


@given(TEXT)
def test_any_text_survives(text: str) -> None:
    assert decode(ChangeRefused.kind, encode(refused(text))) == refused(text)


def test_numbers_that_json_has_not_are_refused_before_they_are_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    with pytest.raises(ValueError, match="JSON"):
        ledger.append("one", [refused("a"), ChangeRefused("s", "e", "r", {"x": float("nan")})])
    assert list(ledger.read("one")) == [], "the transaction must be rolled back whole"
    ledger.append("one", [refused("later")])


@pytest.mark.parametrize("sql", ["UPDATE events SET kind = 'x'", "DELETE FROM events"])
def test_nobody_changes_or_deletes_an_event(tmp_path: Path, sql: str) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.append("one", [refused("a")])
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        sqlite3.connect(tmp_path / "ledger.db").execute(sql)


def test_a_reader_sees_what_a_writer_has_written_so_far(tmp_path: Path) -> None:
    writer, reader = Ledger(tmp_path / "ledger.db"), Ledger(tmp_path / "ledger.db")
    writer.append("one", [refused("a")])
    assert len(list(reader.read("one"))) == 1
    writer.append("one", [refused("b")])
    assert len(list(reader.read("one"))) == 2


def test_it_is_synced_to_disk(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def synced(ledger: Ledger) -> bool:
    return ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)


SPENT = Spent(1, "model", 10, 2, None, 1, 0.5)


def opened(edited: bool = False) -> TrialOpened:
    return TrialOpened(1, "a", "", "", "c1", "c0", {}, {}, "", 0, "s", "f", edited)


def settled(decision: str) -> TrialSettled:
    return TrialSettled(1, decision, "rule", "reason", {}, "c1")


def test_of_quick_runs_what_can_be_had_again_waits_for_the_next_sync(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    started = RunStarted(1, 1, 7, "panel", "log")
    short, long = (RunEnded(1, 1, "ok", {"loss": 1.0}, seconds=s) for s in (0.01, 5.0))
    ledger.append("one", [started, short, settled("discard")])
    assert synced(ledger), "unless it is quick, all is synced"
    ledger.quick = True
    for event, waits in (
        (started, True), (short, True), (long, False), (settled("discard"), True),
        (settled("keep"), False), (settled("crash"), False), (refused("a"), False),
        (opened(), True), (opened(edited=True), False), (SPENT, False),
        (opened(), False), (opened(), True),
    ):  # fmt: skip
        ledger.append("one", [event])
        assert synced(ledger) is not waits, event
    ledger.append("one", [started, settled("keep")])
    assert synced(ledger), "of several the most careful one counts"
    assert len(list(ledger.read("one"))) == 17
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_waits_for_a_sync_waits_no_longer_than_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("nightlab.remember.ledger.time.monotonic", lambda: clock[0])
    ledger, started = Ledger(tmp_path / "ledger.db"), RunStarted(1, 1, 7, "panel", "log")
    ledger.quick = True
    seen = []
    for now in (100.0, 100.5, 100.9, 101.0, 101.5, 105.0):
        clock[0] = now
        ledger.append("one", [started])
        seen.append(synced(ledger))
    assert seen == [True, False, False, True, False, True]


def test_a_file_that_is_no_ledger_is_one_line_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is not a database at all, but long enough to look at" * 40)
    with pytest.raises(NightlabError, match="move it away") as error:
        Ledger(path)
    assert "\n" not in str(error.value)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.db").close()
    db = sqlite3.connect(tmp_path / "ledger.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(NightlabError, match="upgrade Nightlab"):
        Ledger(tmp_path / "ledger.db")
    with pytest.raises(NightlabError, match="unknown kind"):
        decode("from_the_future", "{}")
    with pytest.raises(NightlabError, match="unknown fields"):
        decode("session_ended", '{"why": "x", "mood": "good"}')


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NightlabError, match="cannot write the ledger"):
        Ledger(tmp_path / "file" / "ledger.db")


def test_every_event_is_registered_under_its_kind() -> None:
    assert all(event.kind == kind and fields(event) for kind, event in KINDS.items())


def test_a_full_disk_loses_nothing_that_was_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.append("one", [refused("first")])
    (pages,) = ledger._db.execute("PRAGMA page_count").fetchone()
    ledger._db.execute(f"PRAGMA max_page_count={pages + 2}")
    written = 1
    with pytest.raises(NightlabError, match=r"full.*safe; mend it and run"):
        for _ in range(1000):
            ledger.append("one", [refused("x" * 500), refused("y" * 500)])
            written += 2
    assert len(list(ledger.read("one"))) == written, "whole transactions, and no part of one"
    ledger._db.execute(f"PRAGMA max_page_count={pages + 99}")
    ledger.append("one", [refused("last")])
    assert len(list(Ledger(tmp_path / "ledger.db").read("one"))) == written + 1


def test_a_file_that_was_cut_is_one_line_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path)
    for number in range(300):
        ledger.append("one", [refused(f"{number} " + "x" * 300)])
    ledger.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
    with pytest.raises(NightlabError, match=r"ledger .*(malformed|corrupt).*backup") as error:
        list(Ledger(path).read("one"))
    assert "\n" not in str(error.value)


def test_a_damaged_event_is_one_line_with_the_mend(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.append("one", [refused("a")])
    insert = "INSERT INTO events (campaign, at, kind, body) VALUES ('one', 0, 'session_ended', '{')"
    ledger._db.execute(insert)
    with pytest.raises(NightlabError, match="cannot read the ledger"):
        list(ledger.read("one"))


def test_thousands_of_events_come_back_in_batches(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.append("one", [refused(str(number)) for number in range(1234)])
    found = [entry.event for entry in ledger.read("one")]
    assert found == [refused(str(number)) for number in range(1234)]
    assert [e.id for e in ledger.read("one", after=1230)] == [1231, 1232, 1233, 1234]
