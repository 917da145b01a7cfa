"""What a run may use, and what is said of one that used more."""

from __future__ import annotations

import os

import pytest

from nightlab.run.limits import beyond, limits_for
from nightlab.run.settings import RunSettings


def test_memory_is_that_of_the_machine_shared_by_the_runs() -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    alone = limits_for(RunSettings(train="x"), device=False)
    beside = limits_for(RunSettings(train="x", parallel=4), device=False)
    assert alone["memory"] == pytest.approx(0.9 * machine, rel=1e-6)
    assert beside["memory"] == pytest.approx(alone["memory"] / 4, rel=1e-6)


def test_address_space_has_a_limit_only_without_a_graphics_processor() -> None:
    settings = RunSettings(train="x", limits={"memory": "1 GB"})
    assert limits_for(settings, device=False)["data"] == 2_000_000_000
    assert "data" not in limits_for(settings, device=True)


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("memory", "used more memory than 1 GB (run.limits.memory)"),
        ("processes", "had more than 1024 processes (run.limits.processes)"),
        ("output", "printed more than 1 GB (run.limits.output)"),
    ],
)
def test_it_says_which_setting_allows_more(why: str, said: str) -> None:
    limits = limits_for(RunSettings(train="x", limits={"memory": "1 GB"}), device=False)
    assert beyond(why, limits) == said
