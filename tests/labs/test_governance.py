"""The harness of the governance lab, on a simulator of our own whose truth is known."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from labs.governance_lab import imported, lay_harness, market, write


@pytest.fixture
def simulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    lay_harness(tmp_path)
    monkeypatch.delenv("NIGHTLAB_BUDGET", raising=False)
    with imported(monkeypatch, tmp_path) as module:
        yield module


def runs_of(simulate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds of the runs that are made from now on."""
    seeds: list[int] = []
    loader = simulate.simulator()
    build = loader.build_orchestrator

    def counted(scenario: Any) -> Any:
        seeds.append(scenario.orchestrator_config.seed)
        return build(scenario)

    monkeypatch.setattr(loader, "build_orchestrator", counted)
    return seeds


def test_a_mapping_comes_to_what_its_file_comes_to(simulate: ModuleType, tmp_path: Path) -> None:
    levers = {"audit_enabled": True, "audit_threshold_p": 0.7}
    loader = simulate.simulator()
    scenario = loader.load_scenario(write(tmp_path / "m.yaml", market(levers)))
    config = scenario.orchestrator_config
    config.seed, config.n_epochs, config.steps_per_epoch = 11, 3, 5
    rows = loader.build_orchestrator(scenario).run()
    found = simulate.evaluate(market(levers), 11)
    assert len(rows) == 3
    for name in ("toxicity_rate", "quality_gap", "total_welfare", "accepted_interactions"):
        assert found[name] == getattr(rows[-1], name)
    assert "epoch" not in found and "network_metrics" not in found


def test_pooled_rates_weigh_every_deal_alike(simulate: ModuleType) -> None:
    levers = {"circuit_breaker_enabled": True, "freeze_threshold_toxicity": 0.3}
    loader = simulate.simulator()
    world = simulate.World(market(levers))
    built = loader.build_orchestrator(
        world.fresh(world.governed(market(levers)["governance"]), None, 7, 3, 5)
    )
    deals: list[Any] = []
    built.on_interaction_complete(lambda deal, *payoffs: deals.append(deal))
    rows = built.run()
    good = [deal.p for deal in deals if deal.accepted]
    found = simulate.evaluate(market(levers), 7)
    assert found["pooled.toxicity_rate"] == pytest.approx(1 - sum(good) / len(good))
    mean = sum(row.toxicity_rate for row in rows) / len(rows)
    assert abs(mean - found["pooled.toxicity_rate"]) > 1e-3, "epochs differ in size here"
    assert found["pooled.accepted_interactions"] == len(good) / 3
    assert found["pooled.total_welfare"] == pytest.approx(
        sum(row.total_welfare for row in rows) / 3
    )


def test_the_budget_stretches_the_epochs(
    simulate: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for budget, epochs in (("", 3), ("15 steps", 3), ("45 steps", 9), ("5 min", 3), ("1 step", 1)):
        monkeypatch.setenv("NIGHTLAB_BUDGET", budget)
        simulate.evaluate(market(), 7)
        lines = capsys.readouterr().out.splitlines()
        rows = [json.loads(line.removeprefix("epoch: ")) for line in lines]
        assert [row["epoch"] for row in rows] == list(range(epochs)), budget
        assert {(row["scenario"], row["seed"]) for row in rows} == {("market", 7)}


def test_only_what_a_run_has_read_makes_a_new_one(
    simulate: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = runs_of(simulate, monkeypatch)
    first = simulate.evaluate(market({"audit_probability": 0.5}), 7)
    again = simulate.evaluate(market({"audit_probability": 0.9, "staking_enabled": True}), 7)
    assert seeds == [7] and again == first, "audits are off, and stakes do nothing"
    assert len(capsys.readouterr().out.splitlines()) == 6, "its epochs are told all the same"
    simulate.evaluate(market({"audit_enabled": True}), 7)
    simulate.evaluate(market({"audit_enabled": True, "audit_probability": 0.9}), 7)
    assert seeds == [7, 7, 7], "audits are on"
    simulate.evaluate(market({"audit_enabled": True, "audit_probability": 0.9}), 8)
    simulate.evaluate(market(agents=[{"type": "honest", "count": 3}]), 7)
    assert seeds == [7, 7, 7, 8, 7], "another seed, another world"


def test_what_is_remembered_is_what_a_run_would_say(simulate: ModuleType) -> None:
    """Random configurations, few enough values that many answers come from memory."""
    import measuring

    choose = random.Random(5)
    for _ in range(150):
        levers = {
            "audit_enabled": choose.random() < 0.5,
            "audit_probability": choose.choice([0.0, 0.5, 1.0]),
            "audit_threshold_p": choose.choice([0.3, 0.7]),
            "circuit_breaker_enabled": choose.random() < 0.5,
            "freeze_threshold_toxicity": choose.choice([0.0, 0.5, 1.0]),
            "freeze_duration_epochs": choose.choice([1, 2]),
            "bandwidth_cap": choose.choice([0, 1, 10]),
        }
        said = simulate.evaluate(market(levers), 3)
        known = measuring._KNOWN
        measuring._KNOWN = measuring.Answers()
        assert simulate.evaluate(market(levers), 3) == said, levers
        measuring._KNOWN = known


def test_a_configuration_that_is_copied_has_been_read(simulate: ModuleType) -> None:
    from remembered import watched

    levers = simulate.World(market()).governed(market()["governance"])
    for look in (
        lambda seen: seen.model_dump(),
        lambda seen: seen.model_copy(deep=True),
        lambda seen: vars(seen),
        repr,
        lambda seen: setattr(seen, "audit_probability", 0.25),
    ):
        seen = watched(levers)
        assert seen.read() == ()
        look(seen)
        assert set(seen.read()) == set(type(levers).model_fields)
    seen = watched(levers)
    assert seen.audit_probability == 0.5 and seen.read() == ("audit_probability",)
    assert seen.model_dump() == levers.model_dump()
    with pytest.raises(AttributeError):
        _ = seen.audit_chance


@pytest.mark.parametrize(
    ("levers", "said"),
    [
        ({"audit_probabilty": 0.2}, "governance.audit_probabilty is no lever; did you mean audit_"),
        ({"audit_probability": 1.5}, "audit_probability must be in [0, 1]"),
        ({"audit_probability": float("nan")}, "governance.audit_probability is nan"),
        ({"freeze_duration_epochs": float("inf")}, "governance.freeze_duration_epochs is inf"),
        ({"bandwidth_cap": "many"}, "valid integer"),
    ],
)
def test_a_wrong_lever_is_an_error_of_one_line(
    simulate: ModuleType, levers: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=r"(?s).+") as caught:
        simulate.evaluate(market(levers), 7)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_the_world_may_be_fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_harness(tmp_path)
    with imported(monkeypatch, tmp_path) as simulate:
        known = simulate.World(market()).hash
    lay_harness(tmp_path, world=known)
    with imported(monkeypatch, tmp_path) as simulate:
        assert simulate.evaluate(market({"audit_enabled": True}), 7)["toxicity_rate"] > 0
        for changed in ({"agents": [{"type": "honest", "count": 2}]}, {"payoff": {"s_plus": 9.0}}):
            with pytest.raises(ValueError, match="only the governance section may change"):
                simulate.evaluate(market(**changed), 7)


def test_payoffs_are_levers_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_harness(tmp_path, payoffs=True)
    with imported(monkeypatch, tmp_path) as simulate:
        plain = simulate.evaluate(market(), 7)
        rich = simulate.evaluate(market(payoff={"s_plus": 4.0, "s_minus": 1.0}), 7)
        assert rich["total_welfare"] > plain["total_welfare"]
        assert simulate.World(market(), True).hash == simulate.World(market(payoff={}), True).hash
        with pytest.raises(ValueError, match="greater than or equal to 0"):
            simulate.evaluate(market(payoff={"s_plus": -1.0}), 7)


def test_yaml_of_either_age_is_one_world(simulate: ModuleType, tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    text = "agents: [{type: honest, count: 2}]\nnetwork: {enabled: %s, p: %s}\n"
    old.write_text(text % ("off", "1e-3"))
    new.write_text(text % ("false", "0.001"))
    read = [simulate.World(simulate.read_mapping(path)) for path in (old, new)]
    assert read[0].hash == read[1].hash and read[0].data["network"] == {"enabled": False, "p": 1e-3}


def test_what_is_no_scenario_is_an_error_of_one_line(simulate: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    anchors = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
        for old, new in zip("abcdef", "bcdefg", strict=True)
    )
    for text, said in (
        ("[1, 2]", "must be a mapping"),
        ("a: [", "is not valid YAML"),
        ("governance: {}", "no agents"),
        ("agents: []", "no agents"),
        ("agents: [honest]", "must be a mapping with a `type`"),
        ("agents: [{type: llm}]", "agents of type llm need a language model"),
        ("agents: [{type: council}]", "agents of type council need language models"),
        ("agents: [{type: honnest}]", "did you mean honest?"),
        ("agents: [{type: honest}]\nletta: {enabled: true}", "`letta` needs a Letta server"),
        (f"agents: [{{type: honest}}]\n{anchors}", "more than 100000 values"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"(?s).+") as caught:
            simulate.World(simulate.read_mapping(path))
        assert said in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="is no file"):
        simulate.read_mapping(tmp_path / "none.yaml")


def test_a_family_shares_its_levers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calm = market(scenario_id="calm", agents=[{"type": "honest", "count": 5}], governance={})
    write(tmp_path / "calm.yaml", calm)
    better = {"toxicity_rate": "lower"}
    strict = {"audit_enabled": True, "audit_threshold_p": 0.9}
    found = {}
    for combine in ("mean", "worst"):
        lay_harness(tmp_path, scenarios=["calm.yaml"], combine=combine, better=better)
        with imported(monkeypatch, tmp_path) as simulate:
            found[combine] = simulate.evaluate(market(strict), 7)
    mean, worst = found["mean"], found["worst"]
    own = [mean["market.pooled.toxicity_rate"], mean["calm.pooled.toxicity_rate"]]
    assert own[0] > own[1]
    assert mean["pooled.toxicity_rate"] == pytest.approx(sum(own) / 2)
    assert worst["pooled.toxicity_rate"] == own[0]
    assert worst["total_welfare"] == mean["total_welfare"], "nothing is said of welfare"
    assert mean["calm.quality_gap"] > 0, "the levers of the first rule the second too"


def test_two_of_a_family_have_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "other.yaml", market(agents=[{"type": "honest", "count": 2}]))
    lay_harness(tmp_path, scenarios=["other.yaml"])
    with (
        imported(monkeypatch, tmp_path) as simulate,
        pytest.raises(ValueError, match="one name: market, market"),
    ):
        simulate.evaluate(market(), 7)


def test_illusion_is_told_by_replays_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_harness(tmp_path)
    with imported(monkeypatch, tmp_path) as simulate:
        assert "illusion_delta" not in simulate.evaluate(market(), 7)
    lay_harness(tmp_path, replays=3)
    with imported(monkeypatch, tmp_path) as simulate:
        found = simulate.evaluate(market(), 7)
        assert -1 < found["illusion_delta"] < 1
        assert simulate.evaluate(market(), 7) == found
        honest = market(agents=[{"type": "honest", "count": 2}])
        agreed = simulate.evaluate(honest, 7)["illusion_delta"]
        assert agreed < found["illusion_delta"], "two who always deal with each other agree"
        monkeypatch.setitem(__import__("sys").modules, "swarm.metrics.incoherence", None)
        monkeypatch.delattr(__import__("swarm.metrics").metrics, "incoherence")
        assert "illusion_delta" not in simulate.evaluate(market(), 7), "absent, never zero"


@pytest.mark.parametrize(
    ("evaluation", "said"),
    [
        ({"epoch": 3}, "epoch is no setting; did you mean epochs?"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"combine": "best"}, "combine must be"),
        ({"better": {"toxicity_rate": "down"}}, "better must say"),
    ],
)
def test_a_wrong_plan_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evaluation: dict[str, Any], said: str
) -> None:
    lay_harness(tmp_path, **evaluation)
    with imported(monkeypatch, tmp_path) as simulate, pytest.raises(ValueError, match=said):
        simulate.evaluate(market(), 7)


def test_the_levers_that_do_something(simulate: ModuleType) -> None:
    from levers import screen

    found = {
        each["name"]: each for each in screen(market(), pinned=["transaction_tax_rate"])["levers"]
    }
    assert list(found) == [
        "bandwidth_cap",
        "circuit_breaker_enabled",
        "freeze_threshold_toxicity",
        "freeze_duration_epochs",
        "audit_enabled",
        "audit_probability",
        "audit_threshold_p",
        "incoherence_friction_enabled",
        "incoherence_friction_rate",
    ]
    audit = {"audit_enabled": True}
    assert found["audit_probability"] == {
        "name": "audit_probability", "type": "float", "value": 0.5, "low": 0.0, "high": 1.0,
        "tag": "audit", "when": audit,
    }  # fmt: skip
    assert found["freeze_threshold_toxicity"]["when"] == {"circuit_breaker_enabled": True}
    assert found["freeze_duration_epochs"]["low"] == 1, "by the class's own validator"
    assert found["bandwidth_cap"]["low"] == 0 and found["bandwidth_cap"]["high"] == 50
    assert found["incoherence_friction_rate"]["high"] == 1.0, "an open side"
    assert found["audit_enabled"]["low"] is None and found["audit_enabled"]["when"] == {}


def test_toggles_that_are_on_keep_their_parameters(simulate: ModuleType) -> None:
    from levers import screen

    on = {"audit_enabled": True, "audit_threshold_p": 0.9}
    found = {each["name"]: each for each in screen(market(on))["levers"]}
    assert found["audit_enabled"]["value"] is True
    assert found["audit_threshold_p"]["when"] == {"audit_enabled": True}


def test_payoffs_move_on_demand(simulate: ModuleType) -> None:
    from levers import screen

    names = {each["name"]: each for each in screen(market(), payoffs=True)["levers"]}
    assert names["payoff.s_plus"]["low"] == 0.0 and names["payoff.s_plus"]["high"] == 10.0
    assert not [name for name in names if name.endswith("threshold_p") and "moderator" in name]
