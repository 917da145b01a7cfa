"""What fresh seeds say, told alike by status, summary, show and lines; and what was demoted."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import CALL_PROGRAM, call_study, loss_of, move, work

from nightlab.campaign import Campaign
from nightlab.remember.events import IncumbentReviewed, RunStarted
from nightlab.report.confirmed import confirmed_data, confirmed_line
from nightlab.report.evidence import evidence_lines
from nightlab.report.status import reviews, show, status, status_lines
from nightlab.report.summary import summary_text
from nightlab.report.terminal.lines import Lines, event_line
from nightlab.study import Study
from nightlab.types import Decision, Job, Purpose


def judged(**judge: str) -> str:
    told = ", ".join(f"{key.rstrip('_')}: {value}" for key, value in judge.items())
    return CALL_PROGRAM.replace("stop:", f"judge: {{{told}}}\nstop:")


def verdict(text: str) -> str:
    return text.splitlines()[2]


def threats(text: str) -> str:
    return text.split("## What may be wrong with these numbers\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("side", ["minimize", "maximize"])
def test_a_confirmed_best_in_the_metrics_own_unit(side: str, tmp_path: Path) -> None:
    sign = 1 if side == "minimize" else -1

    def measure(job: Job) -> dict[str, float]:
        return {"loss": sign * loss_of(job)["loss"]}

    study = call_study(tmp_path / "s", CALL_PROGRAM.replace("minimize", side))
    campaign, _, _ = work(study, [move(x=3.0), move(x=-1.0)], measure)
    told = status(study, campaign)["confirmed"]
    assert told.keys() >= {"value", "low", "high", "seeds", "gain", "baseline", "improved"}
    assert told["low"] <= told["value"] <= told["high"] and told["improved"]
    assert told["value"] == pytest.approx(sign * 1.0, abs=0.02)
    assert told["baseline"] == pytest.approx(sign * 10.0, abs=0.02)
    assert len(told["seeds"]) == 4 and not set(told["seeds"]) & {1, 2, 3}
    lines = status_lines(status(study, campaign), campaign.history)
    assert sum(line.startswith("confirmed: ") for line in lines) == 1
    text = summary_text(study, campaign)
    assert re.match(r"\*\*loss \S+ -> \S+ \(.+\), confirmed on 4 fresh seeds\*\*", verdict(text))
    assert "The search believed loss" in verdict(text)
    assert "Confirm the best" not in text
    assert "of 1 keep at most 0.3 are expected to be false" in threats(text)


def lucky(job: Job) -> dict[str, float]:
    """Trial 1 is good on the seeds it is chosen by, and nowhere else."""
    noise = random.Random(f"{job.seed} {job.trial}").gauss(0, 0.1)
    good = 3.0 if job.trial and job.purpose is not Purpose.CONFIRM else 0.0
    return {"loss": 10 + noise - good}


def test_what_fresh_seeds_do_not_show_is_no_improvement(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move(x=3.0)], lucky)
    told = confirmed_data(campaign.history)
    assert told and not told["improved"] and told["high"] > 9.9
    assert confirmed_line(campaign.history).startswith("NOT confirmed: ")
    text = summary_text(study, campaign)
    assert verdict(text).startswith("**No improvement confirmed.** On 4 fresh seeds loss is ")
    assert "The search believed loss" in verdict(text)
    assert "1. Don't rely on the best: fresh seeds do not show its improvement." in text
    shown = "\n".join(evidence_lines(show(campaign.history, campaign.history.trial(1))))
    assert "the interval includes no improvement" in shown


def same(job: Job) -> dict[str, float]:
    return {"loss": float(job.parameters["x"] - 3) ** 2}


@pytest.mark.parametrize(
    ("program", "measure", "why"),
    [
        (judged(confirm="0"), loss_of, "`judge: {confirm: 0}` leaves it out"),
        (CALL_PROGRAM, same, "the experiment is deterministic, so there is nothing to confirm"),
    ],
)
def test_why_it_was_not_confirmed(
    program: str, measure: Callable[[Job], dict[str, float]], why: str, tmp_path: Path
) -> None:
    study = call_study(tmp_path / "s", program)
    campaign, _, _ = work(study, [move(x=3.0)], measure)
    text = summary_text(study, campaign)
    assert status(study, campaign)["confirmed"] is None
    assert f"Not confirmed on fresh seeds: {why}" in verdict(text)
    assert ("Confirm the best" in text) == (measure is loss_of)


def test_a_campaign_that_was_stopped_says_so(tmp_path: Path) -> None:
    from nightlab.stop import Stop, StopSettings

    study, stop = call_study(tmp_path / "s"), Stop(StopSettings())

    def measure(job: Job) -> dict[str, float]:
        if job.purpose is Purpose.CONFIRM:
            stop.request("interrupted by SIGTERM")
        return loss_of(job)

    campaign, _, _ = work(study, [move(x=3.0)], measure, stop=stop)
    said = verdict(summary_text(study, campaign))
    assert "the session ended before that (interrupted by SIGTERM)" in said
    assert "`nightlab run --trials 0` does it" in said


# -- second looks ----------------------------------------------------------------------------------


@pytest.fixture
def demoted(tmp_path: Path) -> tuple[Study, Campaign]:
    """Trial 2 is better on a usual budget, and worse on a long one."""

    def measure(job: Job) -> dict[str, float]:
        found = loss_of(job)["loss"]
        return {"loss": found + (50 if job.trial == 2 and job.purpose is Purpose.VALIDATE else 0)}

    study = call_study(tmp_path / "s", judged(validate="{every: 2}"))
    campaign, _, _ = work(study, [move(x=1.5), move(x=3.0)], measure)
    assert campaign.state.trial(2).verdict.decision is Decision.DISCARD  # type: ignore[union-attr]
    return study, campaign


def test_a_demotion_is_told_everywhere(demoted: tuple[Study, Campaign]) -> None:
    study, campaign = demoted
    (event,) = (event for event in reviews(campaign) if not event.passed)
    line = event_line(event, campaign)
    assert line.startswith("trial 2: DEMOTED (validation: loss is worse by ")
    assert line.endswith("; the baseline stands again")
    said: list[str] = []
    lines = Lines(said.append)
    lines.begin(campaign)
    for entry in campaign.ledger.read("toy"):
        lines.event(entry.event)
    assert line in said and "validating the incumbent with a longer budget" in said
    assert any(told.startswith("trial 2: validating, seed ") for told in said)
    assert any(told.startswith("baseline: validating, seed ") for told in said)
    assert "Trial 2 was kept and demoted again, by validation" in threats(
        summary_text(study, campaign)
    )
    told = show(campaign.history, campaign.state.trial(2), study.rooms.judge(), reviews(campaign))
    assert told["reviews"][0]["passed"] is False
    shown = evidence_lines(told)
    assert "evidence, against trial 1:" in shown
    assert any(told.startswith("looked at again, by validation: gave way to") for told in shown)


def test_a_review_that_is_passed() -> None:
    event = IncumbentReviewed(4, True, 4, "validation", "it is better", {})
    assert event_line(event, None) == "trial 4: stays the incumbent (validation: it is better)"  # type: ignore[arg-type]
    back = replace(event, passed=False, to=3)
    assert event_line(back, None).endswith("; trial 3 is the incumbent again")  # type: ignore[arg-type]


# -- threats ---------------------------------------------------------------------------------------


def test_a_fixed_panel_says_that_it_flatters(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s", judged(panel="fixed"))
    campaign, _, _ = work(study, [move(x=3.0)], loss_of)
    said = threats(summary_text(study, campaign))
    assert "the same 3 seeds (1, 2, 3): what is good on these by luck was kept for it" in said


def test_a_guarded_metric_that_comes_and_goes(tmp_path: Path) -> None:
    program = CALL_PROGRAM.replace(
        "minimize loss\n", "minimize loss\nGUARDRAILS:\n- cost must not increase by > 20%\n"
    )

    def measure(job: Job) -> dict[str, float]:
        more = {"cost": 1.0} if job.trial == 0 else {}
        return loss_of(job) | more

    study = call_study(tmp_path / "s", program)
    campaign, _, _ = work(study, [move(x=3.0)], measure)
    said = threats(summary_text(study, campaign))
    assert re.search(r"cost, which the policy guards, was measured in 3 of \d+ runs only", said)


def test_runners_up_that_cannot_be_told_from_the_best(tmp_path: Path) -> None:
    def noisy(job: Job) -> dict[str, float]:
        noise = random.Random(f"{job.seed} {job.trial}").gauss(0, 0.1)
        return {"loss": (job.parameters["x"] - 3) ** 2 + noise}

    study = call_study(tmp_path / "s")
    ideas = [move(x=3.0), *(move(x=3 + step / 1000) for step in range(1, 6)), move(x=-5.0)]
    campaign, _, _ = work(study, ideas, noisy)
    said = threats(summary_text(study, campaign))
    assert re.search(r"Trials? [\d, ]+ can't be told from the best by what was measured", said)
    assert not re.search(r"Trials? [\d, ]*7[\d, ]* can't be told", said)


def test_runs_are_counted_by_what_they_were_for(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move(x=3.0), move(x=-1.0)], loss_of)
    text = summary_text(study, campaign)
    assert re.search(
        r"- Runs: \d+, .+ in all \(3 the baseline, 4 deciding about trials, \d measuring again,"
        r" 8 confirming\)",
        text,
    )
    began = [e.event for e in campaign.ledger.read("toy") if isinstance(e.event, RunStarted)]
    assert f"- Runs: {len(began)}, " in text


# -- an open trial ---------------------------------------------------------------------------------


def test_a_trial_in_doubt_shows_how_far_it_is(tmp_path: Path) -> None:
    from nightlab.stop import Stop, StopSettings

    study, stop = call_study(tmp_path / "s", judged(false_keeps="0.01%")), Stop(StopSettings())
    made: list[int] = []

    def faint(job: Job) -> dict[str, float]:
        made.append(job.trial)
        if made.count(1) == 5:
            stop.request("that is enough")
        noise = random.Random(f"{job.seed} {job.trial}").gauss(0, 0.1)
        return {"loss": 10 + noise - 0.1 * job.trial}

    campaign, _, _ = work(study, [move(x=3.0)], faint, stop=stop)
    trial = campaign.history.trial(1)
    assert trial.verdict is None, "it is in doubt"
    told = show(campaign.history, trial, study.rooms.judge())
    assert told["verdict"] is None and told["investigate"] is True
    said = evidence_lines(told)
    assert re.fullmatch(r"investigate: \d seeds so far, statistic \S+ of \S+", said[0])
    assert "evidence, against the baseline:" in said
    assert show(campaign.history, trial)["evidence"] == {}, "nobody to judge"
