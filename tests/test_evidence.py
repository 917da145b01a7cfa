"""A session with evidence: fresh seeds after a keep, a confirmation before the report, demotion."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random

import pytest
from fakes import CALL_PROGRAM, call_study, git, loss_of, move, work

from nightlab.campaign import Campaign
from nightlab.judge.confirm import confirmation
from nightlab.remember.events import IncumbentReviewed
from nightlab.stop import Stop, StopSettings
from nightlab.study import Study
from nightlab.types import COMPARED, Decision, Job, Measurement, NightlabError, Outcome, Purpose


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return call_study(tmp_path / "study")


def with_judge(folder: Path, judge: str) -> Study:
    return call_study(folder / "study", CALL_PROGRAM.replace("stop:", f"judge: {judge}\nstop:"))


def purposes(campaign: Campaign, number: int) -> dict[Purpose, set[int]]:
    trial = campaign.state.trial(number)
    found: dict[Purpose, set[int]] = {}
    for run in trial.runs:
        found.setdefault(run.purpose, set()).add(run.seed)
    return found


def test_the_best_is_confirmed_on_seeds_that_nothing_else_has_used(study: Study) -> None:
    campaign, why, _ = work(study, [move(x=1.0), move(x=-1.0), move(y=-1.0)], loss_of)
    assert why == "the script is over"
    history = campaign.history
    best = purposes(campaign, history.incumbent.number)
    assert best[Purpose.CONFIRM] == purposes(campaign, 0)[Purpose.CONFIRM]
    assert len(best[Purpose.CONFIRM]) == 4
    used = {
        run.seed
        for trial in (history.baseline, *history.trials)
        for run in trial.runs
        if run.purpose in COMPARED
    }
    assert not used & best[Purpose.CONFIRM]
    found = confirmation(history, campaign.noise.measure(history))
    assert found is not None and found.improved
    assert found.gain == pytest.approx(6.0, abs=0.01)


def test_going_on_confirms_a_new_best_and_the_baseline_only_once(study: Study) -> None:
    work(study, [move(x=1.0)], loss_of)
    campaign, _, _ = work(study, [], loss_of)
    runs = campaign.state.runs
    campaign, _, _ = work(study, [move(x=2.0)], loss_of)
    assert campaign.state.incumbent == 2
    new = [
        run
        for trial in (campaign.history.baseline, *campaign.history.trials)
        for run in trial.runs
        if run.number > runs and run.purpose is Purpose.CONFIRM
    ]
    assert {run.trial for run in new} == {2}
    again, _, _ = work(study, [], loss_of)
    assert again.state.runs == campaign.state.runs, "what is confirmed is confirmed"


def test_a_run_budget_is_kept_to_the_run_and_spares_the_confirmation(study: Study) -> None:
    ideas = [move(x=x / 10) for x in range(1, 50)]
    stop = Stop(StopSettings(runs=40))
    campaign, why, _ = work(study, ideas, loss_of, stop=stop)
    assert why == "40 runs are done"
    assert campaign.state.runs_here == 40
    assert len(purposes(campaign, campaign.state.incumbent)[Purpose.CONFIRM]) == 4
    assert campaign.state.open == {}


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("runs", [1, 2, 5, 9, 10])
def test_a_small_run_budget_is_never_exceeded(study: Study, runs: int, parallel: int) -> None:
    """What was kept back for a confirmation is left where there is nothing to confirm."""
    stop = Stop(StopSettings(runs=runs))
    ideas = [move(x=x / 10) for x in range(1, 50)]
    campaign, why, _ = work(study, ideas, loss_of, parallel=parallel, stop=stop)
    assert why == ("1 run is done" if runs == 1 else f"{runs} runs are done")
    assert runs - 2 <= campaign.state.runs_here <= runs


def noisy(job: Job) -> dict[str, float]:
    """Nothing changes anything."""
    return {"loss": Random(f"{job.seed} {job.parameters['x']}").gauss(0, 1)}


def test_a_budget_of_which_nothing_has_to_be_confirmed_is_spent_whole(study: Study) -> None:
    ideas = [move(x=x / 100) for x in range(1, 300)]
    campaign, why, _ = work(study, ideas, noisy, stop=Stop(StopSettings(runs=30)))
    assert campaign.state.incumbent == 0
    assert (why, campaign.state.runs_here) == ("30 runs are done", 30)


@pytest.mark.parametrize("parallel", [1, 3])
def test_sessions_with_small_budgets_go_on_and_end(study: Study, parallel: int) -> None:
    ideas = iter([move(x=x / 100) for x in range(1, 500)])
    done = 0
    for more in (20, 20, 3, 1, 7, 2):
        stop = Stop(StopSettings(), more_runs=more)
        some = [next(ideas) for _ in range(40)]
        campaign, why, _ = work(study, some, loss_of, parallel=parallel, stop=stop)
        assert why.endswith("runs are done")
        assert done < campaign.state.runs_here <= done + more
        done = campaign.state.runs_here


def test_time_for_the_confirmation_is_kept_before_a_deadline(study: Study) -> None:
    now = [datetime(2026, 3, 8, 4, 0, 0).timestamp()]

    def measure(job: Job) -> Measurement:
        now[0] += 30
        return Measurement(job.run, Outcome.OK, loss_of(job), seconds=30.0)

    stop = Stop(StopSettings(at="05:00"), clock=lambda: now[0])
    ideas = [move(x=x / 100) for x in range(1, 500)]
    campaign, _, _ = work(study, ideas, measure, stop=stop)
    assert now[0] <= datetime(2026, 3, 8, 5, 0).timestamp()
    assert len(purposes(campaign, campaign.state.incumbent)[Purpose.CONFIRM]) == 4


def only_on(fails: Callable[[Job], bool]) -> Callable[[Job], Measurement | dict[str, float]]:
    def measure(job: Job) -> Measurement | dict[str, float]:
        if fails(job):
            return Measurement(job.run, Outcome.CRASH, detail="nan on this seed")
        return loss_of(job)

    return measure


def test_a_best_that_fails_on_a_fresh_seed_is_demoted_and_the_branch_moves_back(
    study: Study,
) -> None:
    fragile = only_on(lambda job: job.trial == 2 and job.purpose is Purpose.REPLICATE)
    campaign, _, _ = work(study, [move(x=1.0), move(x=2.0), move(y=-0.5)], fragile)
    trial = campaign.state.trial(2)
    assert trial.verdict is not None
    assert (trial.verdict.decision, trial.verdict.rule) == (Decision.DISCARD, "crash")
    assert "failed when it was run again" in trial.verdict.reason
    assert campaign.state.kept == [1, 3]
    line = git(study.folder, "log", "--format=%s", "autoresearch/toy").splitlines()
    assert [row.split(" [")[0] for row in line] == [
        "exp: set {'y': -0.5}",
        "exp: set {'x': 1.0}",
        "study",
    ]
    assert f"{trial.commit[:7]}\t" in study.results.read_text()


def test_the_first_best_may_be_demoted_to_the_baseline(study: Study) -> None:
    fragile = only_on(lambda job: job.trial == 1 and job.purpose is Purpose.REPLICATE)
    campaign, _, _ = work(study, [move(x=1.0)], fragile)
    assert campaign.state.incumbent == 0
    base = campaign.history.baseline.commit
    assert git(study.folder, "rev-parse", "autoresearch/toy") == base
    assert campaign.state.decisions[Decision.KEEP] == 0


def test_a_baseline_that_fails_on_a_further_seed_ends_nothing(study: Study) -> None:
    fragile = only_on(lambda job: job.trial == 0 and job.purpose is Purpose.CONFIRM)
    campaign, why, _ = work(study, [move(x=1.0)], fragile)
    assert why == "the script is over"
    assert confirmation(campaign.history, campaign.noise.measure(campaign.history)) is None


@pytest.mark.parametrize("parallel", [1, 4])
def test_an_experiment_that_knows_no_seeds_but_its_panel_makes_do_with_it(
    study: Study, parallel: int
) -> None:
    looked_up = only_on(lambda job: job.seed not in (1, 2, 3))
    ideas = [move(x=1.0), move(x=2.0), move(x=-1.0), move(y=-0.5)]
    campaign, why, _ = work(study, ideas, looked_up, parallel=parallel)
    assert why == "the script is over"
    assert campaign.state.incumbent
    assert set(campaign.state.kept) <= {1, 2, 4}
    beyond = [
        run
        for trial in (campaign.history.baseline, *campaign.history.trials)
        for run in trial.runs
        if run.seed not in (1, 2, 3)
    ]
    assert 1 <= len(beyond) <= 2 * parallel


def test_a_baseline_that_fails_on_its_panel_is_an_error(study: Study) -> None:
    with pytest.raises(NightlabError, match="the baseline does not run"):
        work(study, [move(x=1.0)], only_on(lambda job: job.seed == 2))


def test_a_longer_validation_may_demote_the_best(tmp_path: Path) -> None:
    study = with_judge(tmp_path, "{validate: {every: 2, seeds: 2}}")

    def measure(job: Job) -> dict[str, float]:
        late = 50.0 if job.purpose is Purpose.VALIDATE and job.trial == 2 else 0.0
        return {"loss": loss_of(job)["loss"] + late}

    campaign, _, _ = work(study, [move(x=1.0), move(x=2.0), move(y=-0.5)], measure)
    (event,) = (
        e.event for e in campaign.ledger.read("toy") if e.event.kind == "incumbent_reviewed"
    )
    assert isinstance(event, IncumbentReviewed)
    assert (event.trial, event.passed, event.to, event.rule) == (2, False, 0, "validation")
    assert len(event.evidence["differences"]) == 2
    assert campaign.state.trial(3).parent == campaign.history.baseline.commit
    assert campaign.state.incumbent == 3


def test_a_validation_that_is_passed_is_written_down_too(tmp_path: Path) -> None:
    study = with_judge(tmp_path, "{validate: {every: 1, seeds: 1}}")
    campaign, _, _ = work(study, [move(x=1.0), move(x=2.0)], loss_of)
    events = [e.event for e in campaign.ledger.read("toy") if e.event.kind == "incumbent_reviewed"]
    assert [(e.trial, e.passed) for e in events] == [(1, True), (2, True)]  # type: ignore[attr-defined]
    assert campaign.state.validated == 2
    assert campaign.history.kept == (1, 2)


def test_validation_can_be_left_out(tmp_path: Path) -> None:
    study = with_judge(tmp_path, "{validate: off, confirm: 0}")
    campaign, _, _ = work(study, [move(x=1.0 + n / 10) for n in range(12)], loss_of)
    kinds = {run.purpose for trial in campaign.history.trials for run in trial.runs}
    assert kinds == {Purpose.PANEL, Purpose.REPLICATE}


class Killed(BaseException):
    """Stands for a kill."""


@pytest.mark.parametrize("purpose", [Purpose.REPLICATE, Purpose.CONFIRM, Purpose.VALIDATE])
def test_whatever_run_it_is_killed_in_is_made_again(tmp_path: Path, purpose: Purpose) -> None:
    study = with_judge(tmp_path, "{validate: {every: 1, seeds: 1}}")
    deaths = [1]

    def die_once(job: Job) -> dict[str, float]:
        if job.purpose is purpose and deaths:
            deaths.pop()
            raise Killed
        return loss_of(job)

    with pytest.raises(Killed):
        work(study, [move(x=1.0)], die_once)
    campaign, _, _ = work(study, [], die_once)
    assert campaign.state.incumbent == 1
    history = campaign.history
    assert confirmation(history, campaign.noise.measure(history)) is not None
    runs = [run for trial in (history.baseline, *history.trials) for run in trial.runs]
    interrupted = [run for run in runs if run.outcome is Outcome.INTERRUPTED]
    assert [run.purpose for run in interrupted] == [purpose]


def test_seeds_that_move_all_trials_alike_hide_no_gain(tmp_path: Path) -> None:
    """The seeds lie a hundred times further apart than the gain."""
    study = call_study(tmp_path / "study")

    def measure(job: Job) -> dict[str, float]:
        common = Random(job.seed).gauss(0, 10)
        own = Random(f"{job.seed} {job.trial}").gauss(0, 0.01)
        return {"loss": job.parameters["x"] * -0.1 + common + own}

    campaign, _, _ = work(study, [move(x=1.0), move(x=0.9), move(x=2.0)], measure)
    assert campaign.state.kept == [1, 3]


def test_an_experiment_without_noise_pays_one_run_a_trial(study: Study) -> None:
    def measure(job: Job) -> dict[str, float]:
        return {"loss": -job.parameters["x"]}

    campaign, _, _ = work(study, [move(x=1.0), move(x=0.5), move(x=2.0)], measure)
    assert campaign.state.kept == [1, 3]
    assert campaign.state.runs == 3 + 3
