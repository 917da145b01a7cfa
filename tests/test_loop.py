"""When a session ends, and that it ends well."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from fakes import call_study, loss_of, move, work
from hypothesis import given
from hypothesis import strategies as st

from nightlab.stop import Stop, StopSettings, next_time
from nightlab.study import Study
from nightlab.types import Job, Measurement, Outcome

IDEAS = [move(x=0.1 * n) for n in range(1, 40)]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return call_study(tmp_path / "study")


class Clock:
    """A clock that a test turns."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_exactly_as_many_trials_as_asked_and_the_baseline_is_none_of_them(study: Study) -> None:
    campaign, why, _ = work(study, IDEAS, loss_of, trials=4)
    assert (campaign.state.settled, why) == (4, "4 trials are done")
    campaign, _, _ = work(study, IDEAS[10:], loss_of, trials=3)
    assert campaign.state.settled == 7


def test_zero_trials_measure_the_baseline_only(study: Study) -> None:
    campaign, why, _ = work(study, IDEAS, loss_of, trials=0)
    assert (campaign.state.runs, why) == (3, "the baseline is measured")


def test_no_more_trials_than_asked_are_begun_in_parallel(study: Study) -> None:
    campaign, _, _ = work(study, IDEAS, loss_of, trials=3, parallel=4)
    assert len(campaign.history.trials) == campaign.state.settled == 3


def test_a_plateau_counts_from_the_last_keep(study: Study) -> None:
    ideas = [move(x=3.0), *(move(x=-0.1 * n) for n in range(1, 20))]
    stop = Stop(StopSettings(plateau=5))
    campaign, why, _ = work(study, ideas, loss_of, stop=stop)
    assert why == "plateau: 5 trials without a keep"
    assert campaign.state.settled == 6


def test_nothing_is_begun_that_would_not_end_before_the_deadline(study: Study) -> None:
    clock = Clock(datetime(2026, 3, 8, 4, 59, 0).timestamp())

    def measure(job: Job) -> Measurement:
        clock.now += 7
        return Measurement(job.run, Outcome.OK, loss_of(job), seconds=7.0)

    stop = Stop(StopSettings(at="05:00"), clock=clock)
    campaign, why, _ = work(study, IDEAS, measure, stop=stop)
    assert why == "the next run would not end before the deadline"
    assert clock.now <= datetime(2026, 3, 8, 5, 0).timestamp()
    assert campaign.state.runs == 8, "nine runs of 7 s do not fit into a minute"


def test_runs_in_flight_at_the_deadline_are_interrupted_and_kept_open(study: Study) -> None:
    clock = Clock(datetime(2026, 3, 8, 4, 59, 0).timestamp())

    def measure(job: Job) -> dict[str, float]:
        if job.trial == 1:
            clock.now += 100
        return loss_of(job)

    stop = Stop(StopSettings(at="05:00"), clock=clock)
    campaign, why, _ = work(study, IDEAS, measure, parallel=2, stop=stop)
    assert why == "the deadline has come"
    outcomes = {r.outcome for t in campaign.history.trials for r in t.runs}
    assert Outcome.INTERRUPTED in outcomes
    assert None not in outcomes


def test_a_request_stops_at_once_and_the_next_session_goes_on(study: Study) -> None:
    stop = Stop(StopSettings())

    def measure(job: Job) -> dict[str, float]:
        if job.trial == 2:
            stop.request("interrupted by SIGINT")
        return loss_of(job)

    campaign, why, _ = work(study, IDEAS, measure, stop=stop)
    assert why == campaign.state.stopped == "interrupted by SIGINT"
    assert list(campaign.state.open) == [2]
    campaign, _, _ = work(study, IDEAS[5:], loss_of, trials=2)
    assert campaign.state.open == {}
    assert campaign.state.settled == 4, "two more, on top of the one that was left open"


def test_a_failure_is_written_down_as_the_reason(study: Study) -> None:
    def broken(job: Job) -> dict[str, float]:
        raise RuntimeError("no GPU")

    with pytest.raises(RuntimeError):
        work(study, IDEAS, broken)
    assert study.campaign("toy").state.stopped == "it failed: no GPU"


@given(
    st.integers(0, 23), st.integers(0, 59), st.datetimes(datetime(2024, 1, 2), datetime(2030, 1, 1))
)
def test_the_next_time_lies_ahead_within_a_day(hour: int, minute: int, now: datetime) -> None:
    moment = next_time(f"{hour:02d}:{minute:02d}", now.timestamp())
    shown = datetime.fromtimestamp(moment)
    assert (shown.hour, shown.minute) == (hour, minute)
    assert 0 < moment - now.timestamp() <= 25 * 3600


@pytest.mark.parametrize("cost", ["20", "a lot", "20 EUR", "-1 USD"])
def test_a_cost_must_be_a_price(cost: str) -> None:
    with pytest.raises(ValueError, match="20 USD"):
        StopSettings(cost=cost)


def test_a_run_is_not_begun_where_proposing_has_taken_its_time(study: Study) -> None:
    """A writer thinks for an hour; what it has thought of is tried in the next session."""
    from fakes import InProcessRunner, ScriptedProposer

    from nightlab.loop import run_loop
    from nightlab.types import History, Idea

    clock = Clock(datetime(2026, 1, 1, 4, 0).timestamp())

    class Thinker(ScriptedProposer):
        def propose(self, history: History) -> Idea:
            clock.now += 3595
            return super().propose(history)

    def measure(job: Job) -> Measurement:
        return Measurement(job.run, Outcome.OK, loss_of(job), seconds=10.0)

    ledger = study.ledger()
    study.begin("toy", ledger)
    campaign = study.campaign("toy")
    stop = Stop(StopSettings(), until="05:00", clock=clock)
    runner = InProcessRunner(measure)
    why = run_loop(campaign, Thinker(IDEAS), study.rooms.judge(), runner, stop)
    assert why == "the next run would not end before the deadline"
    assert [job.trial for job in runner.started] == [0, 0, 0]
    campaign, _, _ = work(study, [], loss_of, trials=0)
    assert campaign.state.settled == 1 and campaign.history.trials[0].summary == IDEAS[0].summary
