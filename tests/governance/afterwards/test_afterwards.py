"""After a search: the best that holds on fresh seeds, which may be one kept earlier."""

from __future__ import annotations

from typing import Any

from governance.simulated import POLICY, Levers, Simulated, scenario

from nightlab.governance.afterwards import first_that_holds
from nightlab.governance.afterwards.ablation import Ablation, Taken, ablate
from nightlab.governance.afterwards.fresh import further_seeds
from nightlab.governance.afterwards.sample import Sample
from nightlab.propose.conformance import sample_trial
from nightlab.types import Decision, Trial

PANEL = (7, 11, 19)
OFF = {"tax": 0.0, "fee": 0.0}


def truth(levers: Levers, seed: int) -> dict[str, float]:
    """Every share of tax makes it less toxic; from .4 on it costs half of the welfare."""
    found = {"toxicity_rate": 0.35 - 0.1 * levers["tax"]}
    return {**found, "total_welfare": 50.0} if levers["tax"] >= 0.4 else found


class Search:
    """Kept one tax after another."""

    def __init__(self, *taxes: float, late: bool = False) -> None:
        values: list[dict[str, Any]] = [{"tax": tax} for tax in taxes]
        self.lineage = [
            sample_trial(number, moved, 0.3, Decision.KEEP)
            for number, moved in enumerate(values, 1)
        ]
        self.late = late
        self.looked: list[tuple[int, int]] = []
        self.said: list[str] = []
        self.sample = Sample(Simulated(truth))

    def look(self, trial: Trial, step: int) -> Ablation:
        self.looked.append((trial.number, step))
        best = scenario(**{**OFF, **trial.parameters})
        seeds = further_seeds(PANEL, 0, 8)
        last = further_seeds(PANEL, 8 * (1 + step), 8)
        before = scenario(**OFF)
        return ablate(self.sample, before, best, ["governance.tax"], POLICY, seeds, last)

    def found(self) -> Ablation:
        return first_that_holds(self.lineage, self.look, lambda: self.late, self.said.append)


def test_the_last_kept_is_taken_where_it_holds() -> None:
    search = Search(0.1, 0.2, 0.3)
    assert search.found().configuration == scenario(**{**OFF, "tax": 0.3})
    assert search.looked == [(3, 0)]
    assert search.said == []


def test_one_beyond_a_guardrail_gives_way_to_the_one_kept_before_it() -> None:
    search = Search(0.2, 0.3, 0.4, 0.5)
    found = search.found()
    assert found.taken is not Taken.BASELINE
    assert found.configuration == scenario(**{**OFF, "tax": 0.3})
    assert search.looked == [(4, 0), (3, 1), (2, 2)]
    assert "trial 3" in search.said[0] and "total_welfare" in search.said[0]


def test_where_none_holds_the_best_is_what_is_told_of() -> None:
    search = Search(0.4, 0.5)
    found = search.found()
    assert found.taken is Taken.BASELINE
    assert found.configuration == scenario(**OFF)
    assert [row.after for row in found.rows] == [0.5]


def test_what_is_only_no_better_is_no_reason_to_look_further() -> None:
    """Each look has its chance of luck; one claim is made, and not the best of five."""
    search = Search(0.1, 0.3, -0.1)
    found = search.found()
    assert (found.taken, found.breaks) == (Taken.BASELINE, False)
    assert search.looked == [(3, 0)]


def test_there_is_no_looking_further_when_it_is_late() -> None:
    search = Search(0.3, 0.4, late=True)
    assert search.found().taken is Taken.BASELINE
    assert search.looked == [(2, 0)]
