"""The sandbox is the best that holds: each kind is tried, and believed for what it did."""

from __future__ import annotations

from pathlib import Path

import pytest
from run.sandbox.cell import cell_of

from nightlab.run.sandbox import NoSandbox, choose
from nightlab.run.sandbox.bubblewrap import Bubblewrap
from nightlab.run.sandbox.choose import choose_sandbox, try_sandbox
from nightlab.run.sandbox.surroundings import Surroundings
from nightlab.types import NightlabError

ALL = {
    "read hidden files",
    "write elsewhere",
    "reach the network",
    "signal other processes",
    "look into other processes",
}


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    (tmp_path / "study").mkdir()
    return Surroundings(tmp_path / "study", hidden=[tmp_path / "study"])


def without(monkeypatch: pytest.MonkeyPatch, **kinds: object) -> None:
    """This machine, with other kinds of sandbox."""
    monkeypatch.setattr(choose, "KINDS", {**choose.KINDS, **kinds})


def test_without_walls_a_probe_can_do_all_of_it(around: Surroundings, tmp_path: Path) -> None:
    could, why = try_sandbox(NoSandbox(), around, tmp_path / "probes")
    assert {what for what, done in could.items() if done} == {"works", *ALL}
    assert why == "does not hold here: a probe could read hidden files and write elsewhere"


@pytest.mark.parametrize("kind", ["bubblewrap", "landlock"])
def test_a_kind_by_name(kind: str, around: Surroundings, tmp_path: Path) -> None:
    cell_of(kind, tmp_path / "cell")
    tested = choose_sandbox(kind, around, tmp_path / "probes")
    assert (tested.name, set(tested.held), tested.open) == (kind, ALL, ())
    assert not (tmp_path / "probes").exists()


def test_auto_takes_the_next_best(
    around: Surroundings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell_of("landlock", tmp_path / "cell")
    without(monkeypatch, bubblewrap=lambda: ())
    tested = choose_sandbox("auto", around, tmp_path / "probes")
    assert tested.name == "landlock"
    assert tested.passed_over == ("bubblewrap is not installed",)


def test_one_that_is_there_and_does_not_work_is_passed_over(
    around: Surroundings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: no permissions' >&2\nexit 1\n")
    broken.chmod(0o755)
    without(monkeypatch, bubblewrap=lambda: (Bubblewrap(str(broken)),), landlock=lambda: ())
    tested = choose_sandbox("auto", around, tmp_path / "probes")
    assert tested.name == "none"
    assert tested.passed_over[0] == "bubblewrap does not work here: bwrap: no permissions"


def test_one_that_does_not_hold_is_no_sandbox(
    around: Surroundings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_door = NoSandbox(name="bubblewrap")
    without(monkeypatch, bubblewrap=lambda: (open_door,), landlock=lambda: ())
    tested = choose_sandbox("auto", around, tmp_path / "probes")
    assert tested.name == "none"
    assert "a probe could read hidden files" in tested.passed_over[0]


def test_required_is_required(
    around: Surroundings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, bubblewrap=lambda: (), landlock=lambda: ())
    for isolation in ("required", "bubblewrap"):
        with pytest.raises(NightlabError, match=r"no such sandbox works here.*apt install"):
            choose_sandbox(isolation, around, tmp_path / "probes")


def test_none_is_none(around: Surroundings, tmp_path: Path) -> None:
    assert choose_sandbox("none", around, tmp_path / "probes").name == "none"
    assert not (tmp_path / "probes").exists()


def test_a_network_that_was_granted_is_no_hole(around: Surroundings, tmp_path: Path) -> None:
    cell_of("bubblewrap", tmp_path / "cell")
    open_net = Surroundings(around.study, hidden=around.hidden, network=True)
    tested = choose_sandbox("bubblewrap", open_net, tmp_path / "probes")
    assert set(tested.held) == ALL - {"reach the network"} and tested.open == ()
