"""report.md of a tuning: the truth first, then the numbers, then the doubts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from governance.simulated import POLICY, WORLD, Levers, Simulated, Truth, scenario
from nightlab.governance.afterwards.ablation import Ablation, Taken, ablate
from nightlab.governance.afterwards.fresh import further_seeds, measure_fresh
from nightlab.governance.afterwards.sample import Sample
from nightlab.governance.report import report_text, write_report
from nightlab.governance.report.findings import Findings
from nightlab.types import NightlabError

PANEL = (7, 11, 19)
SEEDS, LAST = further_seeds(PANEL, 4, 12), further_seeds(PANEL, 16, 20)
BASELINE = scenario(tax=0.0, audit_enabled=False, decay=0.9)
BEST = scenario(tax=0.3, audit_enabled=True, decay=0.5)
MOVED = ["governance.tax", "governance.audit_enabled", "governance.decay"]


def helped(tax: float, audits: float = 0.0) -> Truth:
    def truth(levers: Levers, seed: int) -> dict[str, float]:
        gained = tax * levers["tax"] + audits * levers["audit_enabled"]
        return {
            "toxicity_rate": WORLD["toxicity_rate"] - gained,
            "total_welfare": 100 - 5 * levers["tax"],
        }

    return truth


def ablated(truth: Truth, noise: float = 0.005) -> Ablation:
    return ablate(Sample(Simulated(truth, noise)), BASELINE, BEST, MOVED, POLICY, SEEDS, LAST)


def findings(ablation: Ablation | None, **given: Any) -> Findings:
    usual: dict[str, Any] = {
        "scenarios": ("worlds/market.yaml",),
        "policy": POLICY,
        "epochs": 3,
        "steps": 5,
        "seeds": PANEL,
        "iterations": 20,
        "accepted": 3,
        "runs": 130,
        "stopped": "20 trials are done",
        "believed": 0.041,
        "ablation": ablation,
    }
    return Findings(**{**usual, **given})


def first(text: str) -> str:
    return text.split("\n\n")[1]


def section(text: str, title: str) -> str:
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_an_improvement_that_holds_is_the_first_sentence() -> None:
    found = ablated(helped(0.1, 0.02))
    text = report_text(findings(found))
    assert text.startswith("# Tuning of market.yaml\n\n**toxicity_rate ")
    fresh = found.fresh
    assert fresh.gain is not None
    assert f"({fresh.gain:.4g} better, " in first(text)
    assert "on 20 fresh seeds** that no decision has used" in first(text)
    assert "The search accepted 3 changes in 20 iterations, and believed in 0.041" in first(text)


def test_metrics_on_fresh_seeds_stand_beside_the_baselines() -> None:
    text = section(report_text(findings(ablated(helped(0.1)))), "On fresh seeds")
    rows = {row.split("|")[1].strip(): row for row in text.splitlines() if row.startswith("| ")}
    assert "| 100 | 98.5 | -1.5 | -1.5 to -1.5 |" in rows["total_welfare"]
    assert "| 20 | 20 | +0 | +0 to +0 |" in rows["accepted_interactions"]
    assert "Not available: quality_gap, avg_payoff, total_interactions, illusion_delta." in text


def test_each_change_has_a_row_and_what_stays_comes_first() -> None:
    text = section(report_text(findings(ablated(helped(0.1)))), "What each change is worth")
    rows = [row for row in text.splitlines() if row.startswith("| ")][1:]
    assert rows[0].startswith("| tax | 0 | 0.3 | 0.0")
    assert rows[0].endswith("| stays: its effect stands out |")
    assert {row.split(" | ")[0] for row in rows[1:]} == {"| audit_enabled", "| decay"}
    assert all("| taken back: " in row for row in rows[1:])
    assert any("| off | on |" in row for row in rows)
    assert "Of 3 levers that moved, 1 stays." in text
    assert "Beside the best of the search, on the last 20 seeds," in text


def test_no_improvement_that_holds_is_said_first() -> None:
    found = ablated(helped(0.0))
    text = report_text(findings(found))
    assert found.taken is Taken.BASELINE
    assert first(text).startswith("**No improvement that holds.** The search accepted 3 changes")
    assert "the scenario stays as it is" in first(text)
    assert "keep the scenario as it is" in section(text, "How to use it")


def test_a_gain_that_may_be_none_is_no_improvement_that_holds() -> None:
    found = ablated(helped(0.1), noise=0.03)
    assert found.taken is Taken.BASELINE and found.configuration == BASELINE
    assert found.fresh.gain is not None and found.fresh.gain > 0 and not found.fresh.improved
    text = report_text(findings(found))
    assert first(text).startswith("**No improvement that holds.** The search accepted 3 changes")
    assert "toxicity_rate is better by" in first(text) and "may as well be no better" in first(text)
    assert "with 95% certainty): the scenario stays as it is" in first(text)
    assert all(name in text for name in ("| tax |", "| audit_enabled |"))
    assert "keep the scenario as it is" in section(text, "How to use it")


def test_nothing_accepted_is_said_in_a_line() -> None:
    text = report_text(findings(None, accepted=0, believed=None))
    assert first(text) == (
        "**No improvement.** Of 20 iterations none was accepted: the scenario stays as it is."
    )
    assert "## What each change is worth" not in text


def test_what_was_not_looked_at_again_is_not_confirmed() -> None:
    said = first(report_text(findings(None, stopped="time is up")))
    assert said.startswith("**Not confirmed.** The search accepted 3 changes")
    assert said.endswith("Nothing was measured on fresh seeds: time is up.")


def test_where_no_fresh_seeds_were_asked_for_the_best_is_that_of_the_search() -> None:
    text = report_text(findings(None, confirm=0, stopped="20 trials are done"))
    assert first(text).startswith("**Not confirmed.** ")
    assert first(text).endswith("Nothing was measured on fresh seeds: none were asked for.")
    assert "with what the search kept" in section(text, "How to use it")
    assert "--seed 7\n" in section(text, "How to use it")


def test_a_fixed_panel_and_a_short_horizon_are_doubts() -> None:
    found = ablated(helped(0.1))
    title = "What may be wrong with these numbers"
    doubts = section(report_text(findings(found, fixed=True)), title)
    assert "panel's seeds alone" in doubts
    assert "3 epochs of 5 steps that is scored on its last epoch" in doubts
    doubts = section(report_text(findings(found, epochs=10, steps=10)), title)
    assert "panel's seeds alone" not in doubts and "last epoch" not in doubts


def test_a_longer_horizon_that_says_otherwise_is_told_at_once() -> None:
    found = ablated(helped(0.1))
    longer = measure_fresh(
        Sample(Simulated(helped(-0.1)), 3.0), found.configuration, BASELINE, LAST[:8], POLICY
    )
    text = report_text(findings(found, longer=longer, validations=("trial 5 stood",)))
    assert "**Over 3 times the epochs it is no better than the baseline.**" in first(text)
    assert "- trial 5 stood\n- At the end, over 3 times the epochs on 8 fresh" in text


def test_how_to_use_the_best_is_a_command() -> None:
    text = section(report_text(findings(ablated(helped(0.1)))), "How to use it")
    assert f"nightlab governance run best.yaml --epochs 3 --steps 5 --seed {LAST[0]}\n" in text


@pytest.mark.parametrize("evil", ["<img src=x>", "[a](http://b)", "x\n\n# Heading", "a | b"])
def test_what_others_wrote_is_shown_and_no_more(evil: str) -> None:
    found = ablated(helped(0.1))
    rows = (*found.rows, *(row for row in found.rows[:1]))
    rows = tuple(type(row)(**{**vars(row), "after": evil, "why": evil}) for row in rows)
    hostile = Ablation(**{**vars(found), "rows": rows, "why": evil})
    text = report_text(
        findings(hostile, scenarios=(evil,), notes=(evil,), stopped=evil, validations=(evil,))
    )
    assert "<img" not in text and "[a](http" not in text
    assert "\n# Heading" not in text
    table = section(text, "What each change is worth").strip().splitlines()[2:5]
    assert all(row.count("|") == 7 for row in table)


def test_it_is_written_whole_or_an_error(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "report.md"
    write_report(path, findings(None, accepted=0))
    assert path.read_text().startswith("# Tuning of market.yaml\n")
    assert [each.name for each in path.parent.iterdir()] == ["report.md"]
    with pytest.raises(NightlabError, match="cannot write"):
        write_report(path / "report.md", findings(None, accepted=0))
