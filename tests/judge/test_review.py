"""An incumbent that breaks a rule by the seeds that came after its keep is demoted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from fakes import CALL_PROGRAM, ScriptedProposer, call_study, move

from nightlab.campaign import Campaign
from nightlab.judge.limits import findings
from nightlab.judge.review import reviewed, reviewing_runs
from nightlab.judge.seedwise import SeedwiseJudge
from nightlab.judge.settings import JudgeSettings
from nightlab.program.policy import parse_policy
from nightlab.remember.events import IncumbentReviewed
from nightlab.remember.record import Record
from nightlab.study import open_study
from nightlab.types import (
    Decision,
    Direction,
    History,
    Outcome,
    Purpose,
    Run,
    Trial,
    Verdict,
    Wanted,
)

PANEL, LATER = (1, 2, 3), (4, 5, 6, 7)
GUARDED = parse_policy("PRIMARY: minimize m\nGUARDRAILS:\n- w must not decrease by > 1")
FLOORED = parse_policy("PRIMARY: minimize m\nGUARDRAILS:\n- w must stay >= 9")


def runs(number: int, w: Mapping[int, float]) -> tuple[Run, ...]:
    """On the panel as every trial is run, and on later seeds as what was kept is run again."""
    return tuple(
        Run(100 * number + s, number, s, _purpose(number, s), "", 0.0, Outcome.OK, _measured(s, v))
        for s, v in w.items()
    )


def _purpose(number: int, seed: int) -> Purpose:
    first = Purpose.PANEL if number else Purpose.BASELINE
    return first if seed in PANEL else Purpose.REPLICATE


def _measured(seed: int, w: float) -> dict[str, float]:
    return {"m": 1.0 + 0.1 * (seed % 3), "w": w}


def kept(number: int, w: Mapping[int, float]) -> Trial:
    verdict = Verdict(number, Decision.KEEP, "improvement", "")
    return Trial(number, f"c{number}", runs=runs(number, w), verdict=verdict)


def near(middle: float, seeds: tuple[int, ...] = PANEL + LATER) -> dict[int, float]:
    """Values that lie about so much, by 0.1 up and down."""
    return {seed: middle + 0.1 * (seed % 3 - 1) for seed in seeds}


def history(baseline: Mapping[int, float], *trials: Trial) -> History:
    base = Trial(0, "c0", runs=runs(0, baseline))
    return History(
        metric="m",
        direction=Direction.MINIMIZE,
        seeds=PANEL,
        baseline=base,
        incumbent=trials[-1] if trials else base,
        trials=list(trials),
        kept=tuple(trial.number for trial in trials),
    )


BASE = dict.fromkeys(PANEL + LATER, 10.0)


def test_a_floor_that_later_seeds_fall_below_is_found_and_told() -> None:
    falling = near(9.1, PANEL) | near(8.5, LATER)
    verdict = reviewed(FLOORED, history(BASE, kept(1, falling)))
    assert verdict is not None
    assert (verdict.trial, verdict.decision, verdict.rule) == (1, Decision.DISCARD, "veto")
    assert verdict.reason.startswith("w is 8.75714; w must stay >= 9, by more than its standard")
    assert verdict.reason.endswith("on 7 seeds, 4 of them since it was kept")
    assert verdict.evidence["seeds"] == [*PANEL, *LATER]
    assert verdict.evidence["to"] == 0


def test_a_guardrail_is_decided_on_seeds_that_the_baseline_has_met_too() -> None:
    falling = near(9.1, PANEL) | near(8.0, LATER)
    unpaired = history(dict.fromkeys(PANEL, 10.0), kept(1, falling))
    assert reviewed(GUARDED, unpaired) is None, "of the later seeds nothing is known yet"
    clear = history(dict.fromkeys(PANEL, 10.0), kept(1, near(9.5, PANEL) | near(8, LATER)))
    assert reviewing_runs(GUARDED, clear) == [], "it clearly holds where both were measured"
    found = reviewed(GUARDED, history(BASE, kept(1, falling)))
    assert found is not None and found.rule == "guardrail"
    assert "w decreased by 1.5286 > allowed 1.0000 (over the baseline)" in found.reason


def test_the_baseline_is_asked_for_pairs_where_it_is_not_clear_that_a_guardrail_holds() -> None:
    falling = near(9.02, PANEL) | near(8.0, LATER)
    seen = history(dict.fromkeys(PANEL, 10.0), kept(1, falling))
    assert reviewing_runs(GUARDED, seen) == [Wanted(0, s, Purpose.REPLICATE) for s in LATER]
    assert reviewing_runs(FLOORED, seen) == [], "a floor needs no baseline"
    busy = replace(seen.baseline.runs[0], number=9, seed=9, outcome=None)
    waiting = replace(seen, baseline=replace(seen.baseline, runs=(*seen.baseline.runs, busy)))
    assert reviewed(GUARDED, waiting) is None


@pytest.mark.parametrize(("policy", "at"), [(GUARDED, 9.0), (FLOORED, 9.0)])
def test_exactly_what_is_allowed_and_what_noise_explains_stay(policy: object, at: float) -> None:
    exact = kept(1, dict.fromkeys(PANEL + LATER, at))
    noisy = kept(1, near(at - 0.02))
    clear = kept(1, near(at - 0.1))
    for trial, stays in ((exact, True), (noisy, True), (clear, False)):
        assert (reviewed(policy, history(BASE, trial)) is None) is stays  # type: ignore[arg-type]


def test_what_it_was_kept_by_is_not_weighed_again() -> None:
    """Until further seeds have come there is nothing new, whatever the panel says."""
    assert reviewed(FLOORED, history(BASE, kept(1, near(8.0, PANEL)))) is None


def test_a_metric_that_other_runs_lack_demotes_nobody() -> None:
    gone = kept(1, near(9.5))
    bare = tuple(replace(run, metrics={"m": 1.0}) for run in gone.runs)
    assert reviewed(FLOORED, history(BASE, replace(gone, runs=bare))) is None


def test_the_last_before_it_that_still_meets_the_policy_takes_its_place() -> None:
    good, bad, worse = kept(1, near(9.5)), kept(2, near(8.5)), kept(3, near(8.0))
    verdict = reviewed(FLOORED, history(BASE, good, bad, worse))
    assert verdict is not None and verdict.evidence["to"] == 1
    alone = reviewed(FLOORED, history(BASE, kept(1, near(8.5)), kept(2, near(8.0))))
    assert alone is not None and alone.evidence["to"] == 0


def test_of_many_metrics_one_is_a_little_beyond_by_luck() -> None:
    """What demotes where it is the only metric is too little where it is one of twenty."""
    values = {seed: 9.9 + 0.3 * (seed % 3 - 1) - 1.03 for seed in (*PANEL, *LATER)}

    def told(others: int) -> Verdict | None:
        policy = parse_policy("PRIMARY: minimize m\nGUARDRAILS:\n- w* must not decrease by > 1")
        held = {f"w{number}": 10.0 for number in range(others)}
        base, trial = history(BASE).baseline, kept(1, values)
        base, trial = (
            replace(t, runs=tuple(replace(r, metrics={**r.metrics, **held}) for r in t.runs))
            for t in (base, trial)
        )
        now = history(BASE, trial)
        return reviewed(policy, replace(now, baseline=base, incumbent=trial, trials=[trial]))

    assert told(0) is not None and told(20) is None


def test_the_line_goes_through_what_was_demoted_and_its_successor_gives_way_to_what_stands() -> (
    None
):
    """3 was built on 2, which was demoted while 3 was in flight."""
    first, second, third = (kept(number, BASE) for number in (1, 2, 3))
    second = replace(
        second, parent="c1", verdict=Verdict(2, Decision.DISCARD, "guardrail", "it broke a rule")
    )
    failed = Run(900, 3, 8, Purpose.REPLICATE, "", 0.0, Outcome.CRASH)
    third = replace(third, parent="c2", runs=(*third.runs, failed))
    now = replace(history(BASE, first, second, third), kept=(1, 3))
    assert [trial.number for trial in now.lineage()] == [1, 2, 3]
    verdict = SeedwiseJudge(GUARDED, JudgeSettings()).decide(now)
    assert verdict is not None and (verdict.trial, verdict.evidence["to"]) == (3, 1)


def test_one_stray_failure_of_the_baseline_is_not_a_want_of_seeds() -> None:
    now = history(BASE, kept(1, BASE))
    stray = Run(900, 0, 9, Purpose.REPLICATE, "", 0.0, Outcome.CRASH)
    runs = now.baseline.runs
    assert not replace(now, baseline=replace(now.baseline, runs=(*runs, stray))).only_panel
    panel = tuple(run for run in runs if run.purpose is Purpose.BASELINE)
    assert replace(now, baseline=replace(now.baseline, runs=(*panel, stray))).only_panel
    assert not replace(now, baseline=replace(now.baseline, runs=panel)).only_panel


def test_a_percentage_is_of_the_baseline_seed_by_seed() -> None:
    """By a tenth on every seed: no noise at all, however the seeds differ."""
    policy = parse_policy("PRIMARY: minimize m\nGUARDRAILS:\n- w must not decrease by > 5%")
    base = {seed: 10.0 * seed for seed in PANEL + LATER}
    (found,) = findings(policy, history(base), kept(1, {s: 0.9 * w for s, w in base.items()}))
    assert found.beyond == pytest.approx(0.05 * 40)
    assert found.error == pytest.approx(0.05 * 10 * (28 / 6 / 7) ** 0.5)


@pytest.mark.parametrize("settings", [{"keep": "any"}, {"panel": "fixed"}])
def test_where_no_further_seed_counts_nothing_is_reviewed(settings: dict[str, str]) -> None:
    seen = history(BASE | {9: 10.1}, kept(1, near(8.0)))
    assert SeedwiseJudge(FLOORED, JudgeSettings()).decide(seen) is not None
    assert SeedwiseJudge(FLOORED, JudgeSettings(**settings)).decide(seen) is None  # type: ignore[arg-type]


def demoted(middle: float, times: int = 300) -> float:
    """How often an incumbent is, at any of ten further seeds, whose true value is `middle`.

    The floor is 9, a run has a standard deviation of 1, and it was kept on a panel that held.
    """
    chance, found = Random(f"{middle}"), 0
    for _ in range(times):
        panel = {1: 0.0}
        while sum(panel.values()) < 9 * len(PANEL):
            panel = {seed: chance.gauss(middle, 1) for seed in PANEL}
        later = {seed: chance.gauss(middle, 1) for seed in range(4, 14)}
        met = (panel | {seed: later[seed] for seed in range(4, last + 1)} for last in later)
        found += any(reviewed(FLOORED, history(BASE, kept(1, values))) for values in met)
    return found / times


def test_what_holds_is_rarely_demoted_and_what_does_not_mostly_is() -> None:
    assert demoted(9.8) < 0.02
    assert demoted(9.5) < 0.03
    assert demoted(8.2) > 0.85
    assert demoted(8.5) > 0.6


# -- in a campaign ---------------------------------------------------------------------------------

SIM = """\
import random

def evaluate(parameters, seed):
    chance = random.Random(seed)
    x, y = parameters["x"], parameters["y"]
    loss = 5 - x - y + random.Random(f"{seed} {x} {y}").gauss(0, 0.05)
    lost = (7.0 if seed in (1, 2, 3) else 4.8) if x > 1 else 0.0
    return {"loss": loss, "welfare": 100 + chance.gauss(0, 1) - lost}
"""

PROGRAM = CALL_PROGRAM.replace("stop:", "judge: {validate: off}\nstop:")
POLICY_OF = "GUARDRAILS:\n- welfare must not decrease by > 5%\n"


def tried(tmp_path: Path, *changes: dict[str, float]) -> Campaign:
    program = PROGRAM.replace("PRIMARY: minimize loss\n", f"PRIMARY: minimize loss\n{POLICY_OF}")
    assert POLICY_OF in program
    study = call_study(tmp_path / "study", program, SIM)
    proposer = ScriptedProposer([move(**change) for change in changes])
    campaign, _ = study.run(tag="later", proposer=proposer, trials=len(changes))
    return open_study(study.folder).campaign(campaign.tag)


def test_a_trial_that_was_lucky_on_its_seeds_gives_way_to_the_one_before(tmp_path: Path) -> None:
    """Trial 2 meets the seeds of the first one, and those of the panel only once it is kept."""
    campaign = tried(tmp_path, {"y": 1.0}, {"x": 2.0}, {"y": 0.5}, {"y": 0.6})
    entries = list(campaign.ledger.read(campaign.tag))
    (at,) = [n for n, entry in enumerate(entries) if isinstance(entry.event, IncumbentReviewed)]
    review = entries[at].event
    assert isinstance(review, IncumbentReviewed)
    assert (review.trial, review.passed, review.to, review.rule) == (2, False, 1, "guardrail")
    assert "welfare decreased by" in review.reason and "since it was kept" in review.reason
    assert campaign.state.incumbent == 1
    assert campaign.history.kept == (1,)
    verdict = campaign.history.trial(2).verdict
    assert verdict is not None and verdict.decision is Decision.DISCARD
    assert campaign.repository.tip(campaign.branch) == campaign.history.trial(1).commit

    killed = Record()
    for entry in entries[:at]:
        killed.apply(entry)
    judge = SeedwiseJudge(open_study(tmp_path / "study").program.policy, JudgeSettings())
    again = judge.decide(killed.history())
    assert again is not None, "a session that goes on just before it decides the same"
    assert (again.trial, again.rule, again.reason) == (2, review.rule, review.reason)
    assert again.evidence == review.evidence
