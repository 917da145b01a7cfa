"""Scenario files: YAML to a market. Unknown keys are ignored, as in the real one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from swarm.core.orchestrator import QUALITY, Agent, Orchestrator, OrchestratorConfig
from swarm.core.payoff import PayoffConfig
from swarm.governance.config import GovernanceConfig

AGENT_TYPES = dict.fromkeys(QUALITY, Agent)
_DROPPED = ("moderator_enabled", "moderator_threshold_p")


@dataclass
class ScenarioConfig:
    """A scenario file, read."""

    scenario_id: str = "unnamed"
    description: str = ""
    orchestrator_config: OrchestratorConfig = field(default_factory=OrchestratorConfig)
    agent_specs: list[dict[str, Any]] = field(default_factory=list)
    success_criteria: dict[str, Any] = field(default_factory=dict)


def parse_governance_config(data: dict[str, Any]) -> GovernanceConfig:
    """The levers of a governance section, without the two that are dropped."""
    known = [name for name in GovernanceConfig.model_fields if name not in _DROPPED]
    return GovernanceConfig(**{name: data[name] for name in known if name in (data or {})})


def parse_payoff_config(data: dict[str, Any]) -> PayoffConfig:
    """The payoffs of a payoff section."""
    known = PayoffConfig.model_fields
    return PayoffConfig(**{name: data[name] for name in known if name in (data or {})})


def load_scenario(path: Path) -> ScenarioConfig:
    """Read a scenario file."""
    with Path(path).open(encoding="utf-8") as file:
        data = yaml.safe_load(file)
    simulation = data.get("simulation", {})
    config = OrchestratorConfig(
        n_epochs=simulation.get("n_epochs", 10),
        steps_per_epoch=simulation.get("steps_per_epoch", 10),
        seed=simulation.get("seed"),
        scenario_id=data.get("scenario_id"),
        payoff_config=parse_payoff_config(data.get("payoff", {})),
        governance_config=parse_governance_config(data.get("governance", {})),
        failure=data.get("failure", {}),
    )
    return ScenarioConfig(
        scenario_id=data.get("scenario_id", "unnamed"),
        description=data.get("description", ""),
        orchestrator_config=config,
        agent_specs=data.get("agents", []),
        success_criteria=data.get("success_criteria", {}),
    )


def build_orchestrator(scenario: ScenarioConfig) -> Orchestrator:
    """The market of a scenario. Raises ValueError for agents that need a model."""
    agents: list[Agent] = []
    for spec in scenario.agent_specs:
        kind = spec.get("type", "honest")
        if kind not in AGENT_TYPES:
            raise ValueError(f"Unknown agent type: {kind}")
        held = sum(agent.agent_type.value == kind for agent in agents)
        agents += [Agent(f"{kind}_{held + n + 1}", kind) for n in range(spec.get("count", 1))]
    return Orchestrator(scenario.orchestrator_config, agents)
