"""The worlds of the governance lab, and its harness on the real simulator where installed."""

from __future__ import annotations

import random
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from labs.governance_lab import FAKE, LAB, imported

needs_simulator = pytest.mark.skipif(
    find_spec("swarm") is None,
    reason="the simulator is not installed: pip install 'nightlab[governance]'",
)
WORLDS = sorted((LAB / "scenarios").glob("*.yaml"))
BY_HAND = {
    "freeze_threshold_toxicity": 0.5,
    "freeze_threshold_violations": 1,
    "freeze_duration_epochs": 10,
}


def settings_of(path: Path) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load(path.read_text())
    return settings


def upstream(loader: Any, path: Path, seed: int, epochs: int, steps: int) -> list[dict[str, Any]]:
    """What the simulator says by itself, by its own way from a file to its metrics."""
    scenario = loader.load_scenario(path)
    config = scenario.orchestrator_config
    config.seed, config.n_epochs, config.steps_per_epoch = seed, epochs, steps
    config.log_path, config.log_events = None, False
    return [row.to_dict() for row in loader.build_orchestrator(scenario).run()]


@pytest.mark.parametrize("path", WORLDS, ids=lambda path: path.stem)
def test_a_world_says_what_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments, one name, a horizon that ends, safety levers on, and the same levers in each."""
    text, settings = path.read_text(), settings_of(path)
    assert text.startswith("# ") and settings["scenario_id"] == path.stem
    governance = settings["governance"]
    assert governance["audit_enabled"] and governance["circuit_breaker_enabled"]
    assert list(governance) == list(settings_of(WORLDS[0])["governance"])
    with imported(monkeypatch, LAB, FAKE) as simulate:
        world = simulate.World(settings)
        known = {name: value for name, value in governance.items() if name in simulate.fields()}
        built = simulate.simulator().build_orchestrator(
            world.fresh(world.governed(known), None, 7, 1, 1)
        )
        assert len(built.get_all_agents()) == sum(each["count"] for each in settings["agents"])


def test_the_program_moves_what_stands_in_the_file() -> None:
    from nightlab.program import read_program
    from nightlab.settings import Settings

    program = read_program(LAB / "program.md", Settings)
    governance = settings_of(LAB / "scenarios" / "adversarial.yaml")["governance"]
    space = program.settings.change.space
    for name, parameter in space.items():
        value = governance[name.removeprefix("governance.")]
        assert parameter.type == type(value).__name__, name
        if parameter.type != "bool":
            assert parameter.low <= value <= parameter.high, name
    plan = settings_of(LAB / "evaluation.yaml")
    budget = program.settings.run.budget
    assert budget is not None and budget.amount == plan["epochs"] * plan["steps"]
    assert "pooled.accepted_interactions must stay >=" in str(program.policy.sentences())


def drawn(settings: dict[str, Any], choose: random.Random) -> dict[str, Any]:
    """The scenario with some toggles turned, and some shares set anew."""
    governance = dict(settings["governance"])
    for name in choose.sample(sorted(governance), 12):
        if isinstance(governance[name], bool):
            governance[name] = not governance[name]
        elif isinstance(governance[name], float) and 0 < governance[name] < 1:
            governance[name] = round(choose.uniform(0.05, 0.9), 3)
    return {**settings, "governance": governance}


OTHERWISE: dict[str, dict[str, Any]] = {
    "noise": {"simulation": {"observation_noise_probability": 0.3, "observation_noise_std": 0.2}},
    "order": {"simulation": {"schedule_mode": "priority", "max_actions_per_step": 6}},
    "network": {"network": {"topology": "ring", "dynamic": True, "edge_decay_rate": 0.3}},
    "limits": {"rate_limits": {"posts_per_epoch": 2, "interactions_per_step": 1}},
}


@needs_simulator
@pytest.mark.parametrize("path", WORLDS, ids=lambda path: path.stem)
def test_the_patches_change_no_number(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each seed, as the untouched simulator has it; that one may slip under load, and gets ten
    tries."""
    settings, choose = settings_of(path), random.Random(path.stem)
    asked = [(settings, seed, 3, 5) for seed in range(3)]
    asked += [(drawn(settings, choose), seed, 3, 5) for seed in range(3, 9)]
    asked += [(drawn({**settings, **more}, choose), 9, 3, 5) for more in OTHERWISE.values()]
    asked += [(drawn(settings, choose), 10, 8, 8)]
    found: list[list[dict[str, float]]] = []
    with imported(monkeypatch, LAB, None) as simulate:
        for scenario, *run in asked:
            world = simulate.World(scenario)
            levers = world.governed(scenario["governance"])
            found.append(list(simulate.measure(world, levers, None, *run).rows))
    with imported(monkeypatch, LAB, None):
        import swarm.scenarios.loader as loader

        for (scenario, *run), rows in zip(asked, found, strict=True):
            file = tmp_path / "scenario.yaml"
            file.write_text(yaml.safe_dump(scenario, sort_keys=False))
            tries = ([*upstream(loader, file, *run)] for _ in range(10))
            assert any(
                rows == [{name: row[name] for name in rows[0]} for row in one_try]
                for one_try in tries
            ), (run, scenario["governance"])


@needs_simulator
def test_the_patches_find_what_they_replace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another release of the simulator may be of another shape: it runs, but no quicker."""
    with imported(monkeypatch, LAB, None) as simulate:
        simulate.simulator()
        from swarm.core import observation_builder, orchestrator
        from swarm.env import network
        from swarm.governance import engine
        from swarm.logging import event_bus
        from swarm.models import agent, events

        for patched in (
            observation_builder.ObservationBuilder.build,
            orchestrator.Orchestrator._select_action,
            orchestrator.Orchestrator._complete_interaction,
            engine.GovernanceEngine._iter_active_levers,
            event_bus.EventBus.emit,
            events.Event.__init__,
            network.AgentNetwork.average_path_length,
        ):
            assert hasattr(patched, "__wrapped__"), patched.__qualname__
        assert type(vars(agent.AgentType)["value"]) is property


@needs_simulator
@pytest.mark.parametrize("path", WORLDS, ids=lambda path: path.stem)
def test_every_key_of_a_world_loads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    governance = settings_of(path)["governance"]
    with imported(monkeypatch, LAB, None) as simulate:
        levers = simulate.World(settings_of(path)).governed(governance)
        assert simulate.ignored(governance) == []
        assert {name: getattr(levers, name) for name in governance} == governance


@needs_simulator
@pytest.mark.slow
@pytest.mark.parametrize("path", WORLDS[::2], ids=lambda path: path.stem)
def test_every_active_lever_stands_in_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(path)
    with imported(monkeypatch, LAB, None):
        from levers import screen

        found = screen(settings)["levers"]
    assert len(found) > 40
    for lever in found:
        assert settings["governance"][lever["name"]] == lever["value"]
        assert lever["type"] == "bool" or lever["low"] <= lever["value"] <= lever["high"]
    named = {lever["name"] for lever in found}
    assert {toggle for lever in found for toggle in lever["when"]} <= named


@needs_simulator
@pytest.mark.parametrize(
    ("world", "levers", "gain"),
    [
        ("adversarial", BY_HAND, 0.08),
        ("market", {**BY_HAND, "freeze_threshold_toxicity": 0.45}, 0.01),
    ],
)
def test_levers_set_by_hand_gain(
    world: str, levers: dict[str, Any], gain: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With welfare and half of the activity kept, on the seeds of README.md's table."""
    settings = settings_of(LAB / "scenarios" / f"{world}.yaml")
    with imported(monkeypatch, LAB, None) as simulate:
        built = simulate.World(settings)

        def mean(name: str, levers: dict[str, Any]) -> float:
            config = built.governed({**settings["governance"], **levers})
            found = [
                simulate.measure(built, config, None, seed, 10, 10) for seed in range(101, 121)
            ]
            return float(sum(answer.metrics[f"pooled.{name}"] for answer in found) / len(found))

        assert mean("toxicity_rate", {}) - mean("toxicity_rate", levers) > gain
        assert mean("total_welfare", levers) > 0.95 * mean("total_welfare", {})
        deals = mean("accepted_interactions", levers)
        assert deals > mean("accepted_interactions", {}) / 2
        if world == "adversarial":
            program = (LAB / "program.md").read_text()
            floor = re.search(r"accepted_interactions must stay >= (\d+)", program)
            assert floor is not None
            assert deals > float(floor[1])
