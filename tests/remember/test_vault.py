"""The memory vault: what a note says, what of it is whose, and how notes age out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from nightlab.remember.memory.lessons import lessons_of
from nightlab.remember.vault import AT_ONCE, CAP, KEPT_DAYS, Exported, entries, export_vault
from nightlab.remember.vault.entry import Entry, importance
from nightlab.remember.vault.note import MARK, read_note
from nightlab.types import (
    Decision,
    Direction,
    History,
    NightlabError,
    Outcome,
    Purpose,
    Run,
    Trial,
    Verdict,
)

KEEP, DISCARD, CRASH = Decision.KEEP, Decision.DISCARD, Decision.CRASH
NIGHT = 1_774_000_000.0  # 2026-03-20 09:46:40 UTC
DAY = 86_400.0
FIELDS = [
    "type",
    "id",
    "source_agent",
    "created",
    "updated",
    "importance",
    "trial",
    "commit",
    "last_accessed",
    "access_count",
    "consolidation_status",
    "ttl_days",
    "superseded_by",
    "tags",
    "related_entities",
]


def a_trial(
    number: int,
    kind: Decision = DISCARD,
    gain: float | None = -0.5,
    *,
    at: float | None = None,
    summary: str = "",
    diff: str = "",
    emitter: str = "random",
) -> Trial:
    """A settled trial; each is settled a minute after the one before it."""
    evidence = {} if gain is None else {"gain": gain, "standard_error": 0.1}
    bad = kind is CRASH
    run = Run(number, number, 1, Purpose.PANEL, "", 0.0, Outcome.CRASH if bad else Outcome.OK)
    return Trial(
        number,
        f"{number:012x}beef",
        summary=summary or f"idea {number}",
        hypothesis="it may help",
        emitter=emitter,
        moved={"lr": 0.1 * number},
        diff=diff,
        settled=NIGHT + 60 * number if at is None else at,
        runs=(run,),
        about={"optimizer": 1},
        verdict=Verdict(number, kind, "improvement", "the reason", evidence),
    )


def a_history(trials: Sequence[Trial], kept: tuple[int, ...] = ()) -> History:
    run = Run(0, 0, 1, Purpose.BASELINE, "", 0.0, Outcome.OK, {"loss": 2.0})
    start = Trial(0, "base", runs=(run,))
    return History("loss", Direction.MINIMIZE, (1,), start, start, trials, kept=kept)


def told(trials: Sequence[Trial], kept: tuple[int, ...] = (), tag: str = "mar20") -> list[Entry]:
    history = a_history(trials, kept)
    return list(entries("A study", history, lessons_of(history, tag)))


def front(path: Path) -> dict[str, Any]:
    """The frontmatter, as another program reads it."""
    _, text, _ = path.read_text(encoding="utf-8").split("---\n", 2)
    loaded = YAML(typ="safe", pure=True).load(text)
    assert isinstance(loaded, dict)
    return loaded


def notes(root: Path, where: str = "events") -> list[Path]:
    return sorted((root / where).rglob("*.md"))


def by_trial(root: Path) -> dict[str, Path]:
    return {front(path)["trial"]: path for path in notes(root)}


# -- a note ----------------------------------------------------------------------------------------


def test_a_note_is_where_it_should_be_and_says_what_it_should(tmp_path: Path) -> None:
    trials = [a_trial(1, KEEP, 0.4, diff="--- a/t.py\n+++ b/t.py\n-a\n+b\n"), a_trial(2)]
    done = export_vault(tmp_path / "v", told(trials, (1,)), NIGHT + DAY)
    assert done == Exported(2, 0, 0, 0, 2)
    path = tmp_path / "v/events/2026/03/autoresearch-exp-20260320-094740.md"
    assert notes(tmp_path / "v")[0] == path
    data = front(path)
    assert list(data) == FIELDS
    assert (data["type"], data["source_agent"], data["id"]) == (
        "episodic",
        "nightlab",
        "exp-20260320-094740",
    )
    assert data["created"] == "2026-03-20T09:47:40Z" == data["last_accessed"]
    assert (data["importance"], data["access_count"], data["superseded_by"]) == (0.95, 0, None)
    assert {"nightlab/keep", "nightlab/emitter-random", "nightlab/campaign-mar20"} < {*data["tags"]}
    body = path.read_text().split("---\n", 2)[2]
    for line in (
        "# Trial mar20/1: idea 1",
        "- **Who:** random proposed it, Nightlab measured it",
        "- **What:** lr = 0.1",
        "- **When:** 2026-03-20 09:47 UTC",
        "- **Why:** it may help",
        "- **Verdict:** keep, by improvement: the reason",
        "- **Gain:** +0.4 ± 0.1 over what it was measured against",
    ):
        assert line in body
    assert "```diff\n--- a/t.py\n+++ b/t.py\n-a\n+b\n```" in body


def test_what_another_tool_measured_is_not_said_to_be_ours(tmp_path: Path) -> None:
    there = a_trial(1, KEEP, None, emitter="")
    runs = tuple(replace(run, purpose=Purpose.IMPORTED) for run in there.runs)
    export_vault(tmp_path / "v", told([replace(there, runs=runs), a_trial(2, emitter="*")]), NIGHT)
    first, second = notes(tmp_path / "v")
    assert "- **Who:** somebody proposed it, another tool measured it" in first.read_text()
    assert "Nightlab measured it" in second.read_text()
    for path in (first, second):
        tags = front(path)["tags"]
        assert "nightlab/kind-optimizer" in tags
        assert not any(tag.startswith("nightlab/emitter") for tag in tags)


def test_importance_goes_by_verdict_and_gain() -> None:
    trials = [
        a_trial(1, KEEP, 0.4),
        a_trial(2, KEEP, 0.1),
        a_trial(3, KEEP, 0.9),
        a_trial(4, DISCARD, -0.05),
        a_trial(5, DISCARD, -0.5),
        a_trial(6, CRASH, None),
    ]
    history = a_history(trials, kept=(1, 2))
    found = [importance(lesson, history, 0.4) for lesson in lessons_of(history, "t")]
    assert found == [0.95, 0.69, 0.5, 0.4, 0.25, 0.2]


def test_trials_of_one_second_get_ids_of_their_own(tmp_path: Path) -> None:
    trials = [a_trial(n, at=NIGHT + 0.1 * n) for n in range(1, 6)]
    first = export_vault(tmp_path / "v", told(trials[:3]), NIGHT)
    assert first.written == 3
    before = {trial: path.name for trial, path in by_trial(tmp_path / "v").items()}
    export_vault(tmp_path / "v", told(trials), NIGHT)
    export_vault(tmp_path / "v", told(trials, tag="mar21"), NIGHT)
    after = {trial: path.name for trial, path in by_trial(tmp_path / "v").items()}
    assert len(after) == len(set(after.values())) == 10
    assert before.items() <= after.items()


NASTY = "]] [[x]] ![[y]] %%hidden%% <script> `code` #tag $x$ ```\n# head\n---\nid: 7"


def test_text_from_elsewhere_is_text(tmp_path: Path) -> None:
    fence = "+```\n+[[link]]\n+" + "`" * 30 + "\n"
    trial = a_trial(1, summary=NASTY, emitter=NASTY, diff="+++ b/a\n" + fence + MARK + "\n")
    export_vault(tmp_path / "v", told([trial]), NIGHT)
    (path,) = notes(tmp_path / "v")
    note = read_note(path)
    assert note is not None and note.front["id"] != 7
    lead = note.text.partition("\n`````")[0]
    assert not re.search(r"(?<!\\)(\[|\]|<|%|#(?! Trial)|\$|`)", lead)
    assert len(lead.splitlines()) == 8
    assert all(re.fullmatch(r"[\w/-]+", tag) for tag in note.front["tags"])


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=200))
def test_any_text_reads_back_and_is_written_once(
    tmp_path_factory: pytest.TempPathFactory, summary: str, diff: str
) -> None:
    root = tmp_path_factory.mktemp("v") / "v"
    found = told([a_trial(1, summary=summary, diff=diff.encode("utf-8", "ignore").decode())])
    assert export_vault(root, found, NIGHT).written == 1
    before = notes(root)[0].read_bytes()
    assert export_vault(root, found, NIGHT + DAY) == Exported(0, 0, 0, 0, 1)
    assert notes(root)[0].read_bytes() == before


# -- whose is what ---------------------------------------------------------------------------------


def test_what_changed_is_brought_up_to_date_and_no_more(tmp_path: Path) -> None:
    trials = [a_trial(1, KEEP, 0.4), a_trial(2)]
    export_vault(tmp_path / "v", told(trials, (1,)), NIGHT)
    before = {path: path.stat().st_mtime_ns for path in notes(tmp_path / "v")}
    done = export_vault(tmp_path / "v", told(trials), NIGHT + DAY)  # a second look took it back
    assert (done.written, done.updated) == (0, 1)
    path = by_trial(tmp_path / "v")["mar20/1"]
    data = front(path)
    assert data["updated"] == "2026-03-21T09:46:40Z" > data["created"]
    assert "nightlab/demoted" in data["tags"] and "nightlab/keep" not in data["tags"]
    assert "taken back by a second look" in path.read_text()
    same = [p for p, at in before.items() if p.stat().st_mtime_ns == at]
    assert len(same) == 1


def test_what_others_wrote_stays(tmp_path: Path) -> None:
    root = tmp_path / "v"
    export_vault(root, told([a_trial(1, KEEP, 0.4)], (1,)), NIGHT)
    (path,) = notes(root)
    text = path.read_text()
    for old, new in (
        ("access_count: 0", "access_count: 12  # by the reader"),
        ("consolidation_status: pending", "consolidation_status: done"),
        ("superseded_by:", "superseded_by: exp-9"),
        ("- autoresearch\n", "- autoresearch\n- favourite\n"),
        ("last_accessed: '2026-03-20", "last_accessed: '2026-04-01"),
        ("related_entities:\n", "rating: 5\nrelated_entities:\n- Qui-Gon\n"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text + "My own thoughts.\n")
    done = export_vault(root, told([a_trial(1, KEEP, 0.4)]), NIGHT + DAY)
    assert done.updated == 1
    data = front(path)
    assert (data["access_count"], data["superseded_by"], data["rating"]) == (12, "exp-9", 5)
    assert data["consolidation_status"] == "done" and data["last_accessed"].startswith("2026-04-01")
    assert "favourite" in data["tags"] and "Qui-Gon" in data["related_entities"]
    assert path.read_text().endswith(f"{MARK}\nMy own thoughts.\n")
    assert "# by the reader" in path.read_text()
    assert export_vault(root, told([a_trial(1, KEEP, 0.4)]), NIGHT + 2 * DAY).updated == 0


@pytest.mark.parametrize(
    "text",
    [
        "---\nsource_agent: qui-gon\ntrial: mar20/1\n---\nmine",
        "---\nsource_agent: nightlab\ntrial: [\n---\nbroken",
        "no frontmatter at all",
        "---\nsource_agent: nightlab\n",
        "\udcff",
    ],
)
def test_what_nightlab_did_not_write_is_left_alone(text: str, tmp_path: Path) -> None:
    place = tmp_path / "v/events/2026/03/autoresearch-exp-20260320-094740.md"
    place.parent.mkdir(parents=True)
    place.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = place.read_bytes()
    for _ in range(2):
        done = export_vault(tmp_path / "v", told([a_trial(1)]), NIGHT)
    assert place.read_bytes() == before
    assert [path.name for path in notes(tmp_path / "v")][1] == (
        "autoresearch-exp-20260320-094741.md"
    )
    assert done.written == 0


# -- nothing outside -------------------------------------------------------------------------------


@pytest.mark.parametrize("link", ["events", "events/2026", "events/2026/03"])
def test_a_folder_that_is_a_link_is_refused(link: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    place = tmp_path / "v" / link
    place.parent.mkdir(parents=True)
    place.symlink_to(outside, target_is_directory=True)
    with pytest.raises(NightlabError, match="is a link"):
        export_vault(tmp_path / "v", told([a_trial(1)]), NIGHT)
    assert list(outside.iterdir()) == []


def test_a_note_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    export_vault(tmp_path / "a", told([a_trial(1, KEEP, 0.4)], (1,)), NIGHT)
    (real,) = notes(tmp_path / "a")
    before = real.read_bytes()
    place = tmp_path / "v" / real.relative_to(tmp_path / "a")
    place.parent.mkdir(parents=True)
    place.symlink_to(real)
    export_vault(tmp_path / "v", told([a_trial(1, KEEP, 0.4)]), NIGHT)
    assert real.read_bytes() == before and place.is_symlink()
    assert len(notes(tmp_path / "v")) == 2


@pytest.mark.parametrize("leads_to", ["nowhere", "v"])
def test_a_vault_that_is_a_link_to_no_folder_is_named(leads_to: str, tmp_path: Path) -> None:
    (tmp_path / "v").symlink_to(tmp_path / leads_to)
    with pytest.raises(NightlabError, match="v is a link that leads to no folder; remove it"):
        export_vault(tmp_path / "v", told([a_trial(1)]), NIGHT)
    assert [path.name for path in tmp_path.iterdir()] == ["v"]


@pytest.mark.parametrize("place", ["events", "events/2026", "events/2026/03", "archive"])
def test_a_file_where_a_folder_should_be_is_named(place: str, tmp_path: Path) -> None:
    there = tmp_path / "v" / place
    there.parent.mkdir(parents=True)
    there.write_text("mine")
    with pytest.raises(NightlabError, match=f"{place} is a file where a folder should be"):
        export_vault(tmp_path / "v", told([a_trial(1)]), NIGHT)
    assert there.read_text() == "mine"


def test_a_vault_needs_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NightlabError, match="is a file"):
        export_vault(tmp_path / "file", [], NIGHT)
    with pytest.raises(NightlabError, match="there is no folder"):
        export_vault(tmp_path / "no" / "v", [], NIGHT)


# -- ageing ----------------------------------------------------------------------------------------


def many(count: int) -> tuple[list[Trial], tuple[int, ...]]:
    """Trials of which the first are crashes, then discards, and the last twenty are keeps."""
    first = [a_trial(n, CRASH, None) for n in range(1, 61)]
    last = [a_trial(n, KEEP, 0.4) for n in range(count - 19, count + 1)]
    middle = [a_trial(n) for n in range(61, count - 19)]
    return [*first, *middle, *last], tuple(trial.number for trial in last)


def test_the_least_important_age_out_at_the_cap(tmp_path: Path) -> None:
    trials, kept = many(CAP + 130)
    root, found = tmp_path / "v", told(trials, kept)
    assert export_vault(root, found, NIGHT).archived == AT_ONCE
    gone = {front(path)["trial"] for path in notes(root, "archive")}
    # sixty crashes are the least important; then come the oldest of the discards
    assert gone == {f"mar20/{n}" for n in range(1, AT_ONCE + 1)}
    again = export_vault(root, found, NIGHT + DAY)
    assert (again.written, again.archived, again.notes) == (0, 30, CAP)
    assert export_vault(root, found, NIGHT + DAY) == Exported(0, 0, 0, 0, CAP)
    archived = front(notes(root, "archive")[0])
    assert archived["consolidation_status"] == "archived"
    left = {front(path)["trial"] for path in notes(root)}
    assert {f"mar20/{n}" for n in kept} <= left


def test_what_is_precious_never_ages_out(tmp_path: Path) -> None:
    trials = [a_trial(n, KEEP, 0.4) for n in range(1, CAP + 12)]
    root, found = tmp_path / "v", told(trials, tuple(t.number for t in trials))
    assert export_vault(root, found, NIGHT) == Exported(CAP + 11, 0, 0, 0, CAP + 11)
    assert not (root / "archive").exists()


def test_the_archive_is_kept_for_so_long_and_nothing_comes_back(tmp_path: Path) -> None:
    trials, kept = many(CAP + 10)
    root, found = tmp_path / "v", told(trials, kept)
    export_vault(root, found, NIGHT)
    (root / "archive" / "autoresearch-exp-20200101-000000.md").write_text("of somebody else")
    soon = export_vault(root, found, NIGHT + KEPT_DAYS * DAY)
    assert (soon.removed, len(notes(root, "archive"))) == (0, 11)
    late = export_vault(root, found, NIGHT + (KEPT_DAYS + 1) * DAY)
    assert (late.removed, late.written, len(notes(root, "archive"))) == (10, 0, 1)
    assert export_vault(root, found, NIGHT + 200 * DAY).written == 0


def test_a_full_disk_leaves_whole_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "v"
    export_vault(root, told([a_trial(1, KEEP, 0.4)], (1,)), NIGHT)
    (path,) = notes(root)
    before = path.read_bytes()

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="No space"):
        export_vault(root, told([a_trial(1, KEEP, 0.4)]), NIGHT)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
