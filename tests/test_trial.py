"""A trial's values by seed: looked up once, and nobody's to change."""

from __future__ import annotations

from dataclasses import replace

from nightlab.types import COMPARED, Outcome, Purpose, Run, Trial


def run(number: int, seed: int, purpose: Purpose, loss: float) -> Run:
    return Run(number, 1, seed, purpose, "", 0.0, Outcome.OK, {"loss": loss})


TRIAL = Trial(
    1,
    "c1",
    runs=(
        run(1, 7, Purpose.PANEL, 1.0),
        run(2, 7, Purpose.REPLICATE, 2.0),
        run(3, 11, Purpose.PANEL, 4.0),
        run(4, 11, Purpose.CONFIRM, 8.0),
    ),
)


def test_they_are_averages_of_the_runs_that_are_meant() -> None:
    for _ in range(2):
        assert TRIAL.values("loss") == TRIAL.values("loss", COMPARED) == {7: 1.5, 11: 4.0}
        assert TRIAL.values("loss", (Purpose.PANEL,)) == {7: 1.0, 11: 4.0}
        assert TRIAL.values("loss", [Purpose.CONFIRM]) == {11: 8.0}
        assert TRIAL.values("other") == {}


def test_who_changes_them_changes_a_copy() -> None:
    TRIAL.values("loss").clear()
    assert TRIAL.values("loss") == {7: 1.5, 11: 4.0}


def test_a_trial_with_another_run_has_values_of_its_own() -> None:
    assert TRIAL.values("loss") == {7: 1.5, 11: 4.0}
    more = replace(TRIAL, runs=(*TRIAL.runs, run(5, 19, Purpose.PANEL, 3.0)))
    assert more.values("loss") == {7: 1.5, 11: 4.0, 19: 3.0}
    assert replace(TRIAL) == TRIAL and more != TRIAL
