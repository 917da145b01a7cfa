"""Ablation on simulations whose truth is known: what matters stays, the rest is taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from governance.simulated import POLICY, WORLD, Levers, Simulated, Truth, scenario

from nightlab.governance.afterwards.ablation import Ablation, Taken, ablate
from nightlab.governance.afterwards.effect import Effect
from nightlab.governance.afterwards.elimination import Row, surely_helping
from nightlab.governance.afterwards.fresh import further_seeds
from nightlab.governance.afterwards.sample import Sample, breaches
from nightlab.governance.afterwards.units import Unit
from nightlab.types import NightlabError

PANEL = (7, 11, 19)
SEEDS = further_seeds(PANEL, 4, 12)
LAST = further_seeds(PANEL, 16, 20)


def named(names: str) -> list[str]:
    return [f"governance.{name}" for name in names.split()]


def work(
    truth: Truth,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    under: Mapping[str, Sequence[str]] | None = None,
    noise: float = 0.005,
    **given: Any,
) -> tuple[Ablation, dict[str, Row]]:
    sample = Sample(Simulated(truth, noise))
    moved = [f"governance.{name}" for name in after]
    given = {"seeds": SEEDS, "last": LAST, "under": under, **given}
    best = scenario(**{**before, **after})
    found = ablate(sample, scenario(**before), best, moved, POLICY, **given)
    return found, {row.lever.removeprefix("governance."): row for row in found.rows}


def less(amount: float) -> dict[str, float]:
    """A toxicity rate that is lower by so much."""
    return {"toxicity_rate": WORLD["toxicity_rate"] - amount}


def of_tax(levers: Levers, seed: int) -> dict[str, float]:
    return less(0.1 * levers["tax"])


OFF = {"tax": 0.0, "decay": 0.9, "fee": 0.0}


def test_what_matters_stays_and_what_does_not_is_taken_back() -> None:
    found, rows = work(of_tax, OFF, {"tax": 0.3, "decay": 0.5, "fee": 0.1})
    assert (found.taken, found.kept) == (Taken.REDUCED, ("governance.tax",))
    assert found.configuration == scenario(tax=0.3, decay=0.9, fee=0.0)
    assert [rows[name].kept for name in ("tax", "decay", "fee")] == [True, False, False]
    tax = rows["tax"]
    assert (tax.before, tax.after, tax.why) == (0.0, 0.3, "its effect stands out")
    assert tax.low is not None and tax.high is not None
    assert 0 < tax.low < 0.03 < tax.high
    assert rows["fee"].effect is not None and abs(rows["fee"].effect) < 0.01
    assert found.fresh.improved
    assert found.fresh.gain == pytest.approx(0.03, abs=0.005)


def test_nothing_on_any_seed_is_taken_back_at_once() -> None:
    """Levers that are dead cost one round, however many they are."""
    before = {f"dead{number}": 0 for number in range(8)} | {"tax": 0.0}
    after = dict.fromkeys(before, 1) | {"tax": 0.3}
    found, rows = work(of_tax, before, after, noise=0.0)
    assert found.kept == ("governance.tax",)
    assert {row.why for name, row in rows.items() if name != "tax"} == {"no effect on any seed"}
    assert found.runs <= len(SEEDS) * (len(before) + 3) + 3 * len(LAST)


def test_of_two_that_stand_in_for_each_other_one_stays() -> None:
    def either(levers: Levers, seed: int) -> dict[str, float]:
        return less(0.05 if levers["fee"] or levers["tax"] else 0.0)

    found, rows = work(either, {"tax": 0, "fee": 0}, {"tax": 1, "fee": 1}, noise=0.0)
    assert len(found.kept) == 1
    assert {row.kept for row in rows.values()} == {True, False}
    assert found.fresh.gain == pytest.approx(0.05)


def test_what_harms_is_taken_back_first() -> None:
    def truth(levers: Levers, seed: int) -> dict[str, float]:
        return less(0.1 * levers["tax"] - 0.2 * levers["fee"])

    said: list[str] = []
    found, rows = work(truth, OFF, {"tax": 0.3, "decay": 0.5, "fee": 0.1}, say=said.append)
    assert found.kept == ("governance.tax",)
    assert rows["fee"].why == "better without it"
    assert said[0] == "taken back: fee (better without it)"
    assert found.reduced is not None and found.reduced.improved


AUDITS = {"audit_enabled": False, "audit_probability": 0.1, "penalty": 1.0, "tax": 0.0}
UNDER = {name: named("audit_enabled") for name in named("audit_probability penalty")}


def of_audits(levers: Levers, seed: int) -> dict[str, float]:
    on = levers["audit_enabled"] * levers["audit_probability"]
    return less(0.05 * on + 0.1 * levers["tax"])


def test_a_toggle_and_its_parameters_are_one_unit_and_then_each_by_itself() -> None:
    after = {"audit_enabled": True, "audit_probability": 0.9, "penalty": 3.0}
    found, rows = work(of_audits, AUDITS, after, UNDER)
    assert found.kept == tuple(named("audit_enabled audit_probability"))
    assert rows["audit_enabled"].effect == pytest.approx(0.045, abs=0.005)
    assert rows["audit_enabled"].unit == tuple(named("audit_probability"))
    assert rows["audit_probability"].effect == pytest.approx(0.04, abs=0.005)
    assert (rows["penalty"].kept, rows["penalty"].unit) == (False, ())


def test_a_toggle_that_does_nothing_goes_with_its_parameters() -> None:
    def truth(levers: Levers, seed: int) -> dict[str, float]:
        return less(0.1 * levers["tax"])

    after = {"audit_enabled": True, "audit_probability": 0.9, "penalty": 3.0, "tax": 0.3}
    found, rows = work(truth, AUDITS, after, UNDER)
    assert found.kept == ("governance.tax",)
    assert set(rows["audit_enabled"].unit) == set(named("audit_probability penalty"))
    assert found.configuration == scenario(**{**AUDITS, "tax": 0.3})


def test_one_that_a_guardrail_needs_stays() -> None:
    def needs(levers: Levers, seed: int) -> dict[str, float]:
        welfare = 100 - 30 * levers["tax"] + 80 * levers["fee"]
        return {**less(0.1 * levers["tax"]), "total_welfare": welfare}

    found, rows = work(needs, OFF, {"tax": 0.3, "decay": 0.5, "fee": 0.1})
    assert found.kept == tuple(named("tax fee"))
    assert rows["fee"].why.startswith("without it total_welfare decreased by 9.0000 > allowed 5")


def test_one_that_breaks_a_rule_on_fresh_seeds_is_taken_back_though_it_helps() -> None:
    def truth(levers: Levers, seed: int) -> dict[str, float]:
        deals = 20 - 180 * levers["fee"]
        gained = less(0.1 * levers["tax"] + 0.3 * levers["fee"])
        return {**gained, "accepted_interactions": deals}

    found, rows = work(truth, OFF, {"tax": 0.3, "fee": 0.1})
    assert found.why.startswith("on fresh seeds accepted_interactions is 2; ")
    assert (found.taken, found.kept) == (Taken.REDUCED, ("governance.tax",))
    assert rows["fee"].why == "without it fewer rules break"
    assert found.fresh.broken == ()


@pytest.mark.parametrize(
    ("harm", "why"), [(0.0, "no effect on any seed"), (0.05, "better without")]
)
def test_after_one_that_breaks_a_rule_what_does_not_help_still_goes(harm: float, why: str) -> None:
    """The loss that a mend costs is no reason to keep anything else."""

    def truth(levers: Levers, seed: int) -> dict[str, float]:
        gained = 0.1 * levers["tax"] + 0.3 * levers["fee"] - harm * (1 - levers["decay"])
        return {**less(gained), "accepted_interactions": 20 - 180 * levers["fee"]}

    found, rows = work(truth, OFF, {"tax": 0.3, "decay": 0.5, "fee": 0.1}, noise=0.0)
    assert rows["fee"].why == "without it fewer rules break"
    assert rows["decay"].why.startswith(why)
    assert found.kept == ("governance.tax",)


def test_a_best_that_breaks_the_policy_whatever_is_taken_back_is_not_taken() -> None:
    def truth(levers: Levers, seed: int) -> dict[str, float]:
        return {**less(0.1 * levers["tax"]), "accepted_interactions": 20 - 60 * levers["tax"]}

    found, _ = work(truth, OFF, {"tax": 0.3})
    assert (found.taken, found.configuration) == (Taken.BASELINE, scenario(**OFF))
    assert found.why.startswith("on fresh seeds accepted_interactions is 2; ")
    assert "accepted_interactions is 2; " in found.fresh.broken[0]


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
@pytest.mark.parametrize("part", range(5))
def test_many_small_effects_are_not_taken_back_one_after_the_other(noise: float, part: int) -> None:
    levers = {f"lever{number}": 0.0 for number in range(8)}

    def truth(levers: Levers, seed: int) -> dict[str, float]:
        return less(0.01 * sum(value for name, value in levers.items()))

    seeds = further_seeds(PANEL, 100 * part, 40)
    last = further_seeds(PANEL, 100 * part + 40, 20)
    after = dict.fromkeys(levers, 1.0)
    found, _ = work(truth, levers, after, noise=noise, seeds=seeds, last=last)
    assert len(found.kept) >= (8 if noise == 0 else 4), "half of the gain at least"
    assert found.fresh.improved


def test_what_may_be_half_the_gain_is_rarely_lost_with_what_is_dead() -> None:
    """Two levers of one and a half standard errors or so each, beside four that do nothing."""
    live, dead = ("one", "two"), ("a", "b", "c", "d")
    before = dict.fromkeys((*live, *dead), 0.0)

    def truth(levers: Levers, seed: int) -> dict[str, float]:
        return less(0.015 * (levers["one"] + levers["two"]))

    kept: list[str] = []
    for part in range(40):
        seeds = further_seeds(PANEL, 100 * part, 40)
        last = further_seeds(PANEL, 100 * part + 40, 20)
        after = dict.fromkeys(before, 1.0)
        found, _ = work(truth, before, after, noise=0.03, seeds=seeds, last=last)
        kept += [name.removeprefix("governance.") for name in found.kept]
    assert sum(name in live for name in kept) >= 0.95 * 2 * 40
    dead_kept = sum(name in dead for name in kept)
    assert dead_kept <= 0.2 * 4 * 40, "all stay where fresh seeds speak for the whole alone"


def test_time_that_is_up_leaves_the_best_as_it_was() -> None:
    found, rows = work(of_tax, OFF, {"tax": 0.3, "fee": 0.1}, until=0.0)
    assert (found.taken, found.kept) == (Taken.FULL, tuple(named("tax fee")))
    assert {row.why for row in rows.values()} == {"not looked at: the time is up"}
    assert found.why == "not every change was looked at"
    assert found.fresh.improved, "fresh seeds are met all the same"


def test_luck_alone_leaves_the_baseline_or_nothing_that_is_called_an_improvement() -> None:
    called = 0
    for first in range(0, 3000, 100):
        seeds, last = range(first, first + 8), range(first + 50, first + 60)
        found, _ = work(
            lambda levers, seed: {},
            {**OFF, "first": first},
            {"tax": 0.3, "decay": 0.5, "fee": 0.1},
            seeds=seeds,
            last=last,
        )
        called += found.taken is not Taken.BASELINE and found.fresh.improved
    assert called <= 2


def test_a_run_that_fails_without_a_lever_keeps_it() -> None:
    def truth(levers: Levers, seed: int) -> dict[str, float]:
        return less(0.1 * levers["tax"] + 0 / (1 if levers["fee"] or not levers["tax"] else 0))

    found, rows = work(truth, OFF, {"tax": 0.3, "fee": 0.1})
    assert found.kept == tuple(named("tax fee"))
    assert "ZeroDivisionError" in rows["fee"].why


def test_a_best_that_fails_on_a_fresh_seed_is_not_taken() -> None:
    def truth(levers: Levers, seed: int) -> dict[str, float]:
        return less(0.1 * levers["tax"] + 0 / (0 if levers["tax"] and seed == SEEDS[3] else 1))

    found, _ = work(truth, OFF, {"tax": 0.3})
    assert found.taken is Taken.BASELINE


def test_what_is_worse_on_the_last_seeds_is_not_reduced() -> None:
    def truth(levers: Levers, seed: int) -> dict[str, float]:
        return less(0.1 * levers["tax"] + (0.2 * levers["fee"] if seed in LAST else 0.0))

    found, rows = work(truth, OFF, {"tax": 0.3, "fee": 0.1})
    assert (found.taken, found.kept) == (Taken.FULL, tuple(named("tax fee")))
    assert not rows["fee"].kept, "the table tells what the step saw"
    assert "worse on fresh seeds" in found.why
    assert found.configuration == scenario(**{**OFF, "tax": 0.3, "fee": 0.1})


def test_a_gain_that_is_gone_on_the_last_seeds_leaves_the_baseline() -> None:
    def truth(levers: Levers, seed: int) -> dict[str, float]:
        return less(0.1 * levers["tax"] * (1 if seed in SEEDS else -1))

    found, _ = work(truth, OFF, {"tax": 0.3})
    assert found.taken is Taken.BASELINE
    assert found.why == "on fresh seeds toxicity_rate is no better than the baseline's"
    assert found.fresh.gain is not None and found.fresh.gain < 0


def test_it_never_makes_more_runs_than_it_may() -> None:
    levers = {f"lever{number}": 0.0 for number in range(30)}
    found, rows = work(
        of_tax,
        levers | {"tax": 0.0},
        {**dict.fromkeys(levers, 1.0), "tax": 0.3},
        most_runs=1_000,
    )
    assert found.runs <= 1_000 + 2 * len(SEEDS) + 3 * len(LAST)
    seen = [row for row in rows.values() if "more than 1,000 runs" in row.why]
    assert seen and all(row.kept and row.effect is None for row in seen)
    assert set(rows) == {*levers, "tax"}


def test_a_lever_that_the_baseline_does_not_set_is_removed() -> None:
    found, rows = work(of_tax, {"tax": 0.0}, {"tax": 0.3, "decay": 0.5})
    assert found.configuration == scenario(tax=0.3)
    assert (rows["decay"].before, rows["decay"].after) == (None, 0.5)


@pytest.mark.parametrize("noise", [0.0, 0.002, 0.02, 0.1])
def test_what_is_taken_breaks_nothing_on_any_fresh_seeds(noise: float) -> None:
    def truth(levers: Levers, seed: int) -> dict[str, float]:
        deals = 6 - levers["fee"] * 8 * (seed % 3 == 0) - levers["tax"] * (seed % 5 == 0)
        gained = less(0.1 * levers["tax"] + 0.2 * levers["fee"])
        return {**gained, "accepted_interactions": deals}

    sample = Sample(Simulated(truth, noise))
    moved, best = named("tax decay fee"), scenario(tax=0.3, decay=0.5, fee=0.5)
    found = ablate(sample, scenario(**OFF), best, moved, POLICY, SEEDS, LAST)
    for seeds in (SEEDS, LAST):
        ours = sample.trial(found.configuration, seeds)
        assert not breaches(POLICY, ours, sample.trial(scenario(**OFF), seeds, 0))


def test_seeds_of_decisions_are_no_last_seeds() -> None:
    with pytest.raises(NightlabError, match="no decision"):
        work(of_tax, OFF, {"tax": 0.3}, last=[*LAST, SEEDS[0]])


def effect(size: float, error: float = 1.0) -> Effect:
    reach = 2.1 * error
    return Effect(Unit(f"{size}", (f"{size}",)), size, size - reach, size + reach, error, seeds=20)


def test_one_of_many_stands_out_only_where_luck_hardly_explains_it() -> None:
    strong, faint, nothing = effect(6.0), effect(2.3), effect(0.5)
    assert surely_helping([faint], 1) == [faint]
    assert surely_helping([faint], 8) == []
    assert surely_helping([faint, strong, nothing], 2) == [strong, faint], "step by step"
    assert surely_helping([faint, strong, nothing], 8) == [strong]
    exact = effect(0.1, error=0.0)
    assert surely_helping([exact], 100) == [exact]
    assert surely_helping([effect(0.0, error=0.0), effect(-3.0)], 1) == []


def test_of_many_dead_levers_hardly_ever_one_is_said_to_stand_out() -> None:
    """Eight that do nothing beside one that does, sixty times."""
    wrong = alone = 0
    for world in range(60):
        before = {f"dead{n}": 0 for n in range(8)} | {"tax": 0.0, "world": world}
        after = dict.fromkeys((f"dead{n}" for n in range(8)), 1) | {"tax": 0.3}
        _, rows = work(of_tax, before, after, noise=0.01)
        dead = [row for name, row in rows.items() if name != "tax" and row.kept]
        wrong += any(row.why == "its effect stands out" for row in dead)
        alone += any(row.low is not None and row.low > 0 for row in dead)
    assert wrong <= 4
    assert alone > 2 * wrong, "without the step more would be said to"
