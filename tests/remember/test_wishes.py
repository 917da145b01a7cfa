"""The queue of ideas: numbers, order, fates, and several processes at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.remember.events import IdeaTaken
from nightlab.remember.ledger import Ledger
from nightlab.remember.wishes import Fate, Wishes
from nightlab.types import NightlabError, Wish


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def test_ideas_wait_in_the_order_they_came(path: Path) -> None:
    wishes = Wishes(Ledger(path))
    first = Wish(0, "wider", "it underfits", "human", {"WIDTH": 8}, ("DEPTH",), {"a": ("x", None)})
    assert [wishes.add(first), wishes.add(Wish(0, "deeper"))] == [1, 2]
    found = wishes.pending()
    assert [wish.number for wish in found] == [1, 2]
    assert found[0] == Wish(
        1, "wider", "it underfits", "human", {"WIDTH": 8}, ("DEPTH",), {"a": ("x", None)},
        found[0].at,
    )  # fmt: skip
    assert found[0].is_ready and not found[1].is_ready


def test_another_process_sees_what_one_has_queued_and_tried(path: Path) -> None:
    ours, theirs = Wishes(Ledger(path)), Wishes(Ledger(path))
    number = ours.add(Wish(0, "wider"))
    assert [wish.text for wish in theirs.pending()] == ["wider"]
    theirs.ledger.append("nov20", [IdeaTaken(number, 7)])
    assert ours.pending() == []
    assert ours.fates()[number] == Fate("nov20", 7)
    assert theirs.add(Wish(0, "deeper")) == 2 and ours.add(Wish(0, "both")) == 3


def test_what_is_queued_is_no_campaign(path: Path) -> None:
    ledger = Ledger(path)
    Wishes(ledger).add(Wish(0, "wider"))
    assert ledger.campaigns() == []
    ledger.append("nov20", [IdeaTaken(1, 1)])
    assert ledger.campaigns() == ["nov20"] and ledger.campaign_before("nov20") is None


def test_an_idea_is_taken_back_once(path: Path) -> None:
    wishes = Wishes(Ledger(path))
    wishes.add(Wish(0, "wider"))
    wishes.drop(1, "taken back")
    assert wishes.pending() == [] and wishes.fates()[1].why == "taken back"
    with pytest.raises(NightlabError, match="out of the queue already: taken back"):
        wishes.drop(1, "again")
    with pytest.raises(NightlabError, match="there is no idea 2"):
        wishes.drop(2, "none")
    wishes.add(Wish(0, "deeper"))
    wishes.ledger.append("nov20", [IdeaTaken(2, 5)])
    with pytest.raises(NightlabError, match="idea 2 was tried: trial 5 of nov20"):
        wishes.drop(2, "too late")
