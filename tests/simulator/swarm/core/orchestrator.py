"""The market: agents meet in pairs, step by step, and the levers decide what comes of it."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel, Field

from swarm.core.payoff import PayoffConfig
from swarm.governance.config import GovernanceConfig

QUALITY = {"honest": 0.85, "opportunistic": 0.6, "deceptive": 0.4, "adversarial": 0.2}
_SPREAD = 0.12


class OrchestratorConfig(BaseModel):
    """Horizon, seed and levers of a run."""

    n_epochs: int = 10
    steps_per_epoch: int = 10
    seed: int | None = None
    scenario_id: str | None = None
    payoff_config: PayoffConfig = Field(default_factory=PayoffConfig)
    governance_config: GovernanceConfig | None = None
    log_path: Path | None = None
    log_events: bool = False
    graph_memory_path: str | None = None
    failure: dict[str, Any] = Field(default_factory=dict)


class EpochMetrics(BaseModel):
    """What is known of an epoch."""

    epoch: int = 0
    total_interactions: int = 0
    accepted_interactions: int = 0
    toxicity_rate: float = 0.0
    quality_gap: float = 0.0
    avg_payoff: float = 0.0
    total_welfare: float = 0.0
    network_metrics: dict[str, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        return self.model_dump()


class Agent:
    """Somebody in the market; `quality` is the mean p of the deals it offers."""

    def __init__(self, agent_id: str, kind: str) -> None:
        self.agent_id = agent_id
        self.agent_type = SimpleNamespace(value=kind)
        self.quality = QUALITY[kind]
        self.frozen = 0


class Deal(SimpleNamespace):
    """An interaction: `initiator`, `counterparty`, `p`, `accepted`, `metadata`."""


class Orchestrator:
    """One run of a market."""

    def __init__(self, config: OrchestratorConfig, agents: list[Agent]) -> None:
        self.config = config
        self.agents = agents
        self.state = SimpleNamespace(current_epoch=0, current_step=0, completed_interactions=[])
        self._random = random.Random(config.seed)
        self._levers = config.governance_config or GovernanceConfig()
        self._on_deal: list[Callable[[Deal, float, float], None]] = []
        self._on_epoch: list[Callable[[EpochMetrics], None]] = []

    def get_all_agents(self) -> list[Agent]:
        return list(self.agents)

    def on_interaction_complete(self, callback: Callable[[Deal, float, float], None]) -> None:
        self._on_deal.append(callback)

    def on_epoch_end(self, callback: Callable[[EpochMetrics], None]) -> None:
        self._on_epoch.append(callback)

    def run(self) -> list[EpochMetrics]:
        history = []
        for epoch in range(self.config.n_epochs):
            self.state.current_epoch = epoch
            for step in range(self.config.steps_per_epoch):
                self.state.current_step = step
                self._step()
            metrics = self._compute_epoch_metrics()
            history.append(self._failed(metrics, epoch == self.config.n_epochs - 1))
            self._close_epoch()
            for told in self._on_epoch:
                told(metrics)
        return history

    def _step(self) -> None:
        for agent in self.agents:
            other = self._random.choice([a for a in self.agents if a is not agent] or [agent])
            luck = self._random.gauss(0, _SPREAD)
            audited, rubbed = self._random.random(), self._random.random()
            dealt = sum(d.initiator == agent.agent_id for d in self.state.completed_interactions)
            if agent.frozen or other.frozen or dealt >= self._levers.bandwidth_cap:
                continue
            p = min(1.0, max(0.0, agent.quality + luck))
            levers = self._levers
            refused = (
                levers.audit_enabled
                and audited < levers.audit_probability
                and p < levers.audit_threshold_p
            )
            if levers.incoherence_friction_enabled and rubbed < levers.incoherence_friction_rate:
                refused = True
            self._settle(
                Deal(
                    initiator=agent.agent_id,
                    counterparty=other.agent_id,
                    p=p,
                    accepted=not refused,
                    metadata={},
                )
            )

    def _settle(self, deal: Deal) -> None:
        self.state.completed_interactions.append(deal)
        payoff = self._payoff(deal)
        for told in self._on_deal:
            told(deal, payoff, payoff)

    def _payoff(self, deal: Deal) -> float:
        worth = self.config.payoff_config
        surplus = deal.p * worth.s_plus - (1 - deal.p) * worth.s_minus
        return (1 - self._levers.transaction_tax_rate) * surplus / 2 if deal.accepted else 0.0

    def _compute_epoch_metrics(self) -> EpochMetrics:
        deals = self.state.completed_interactions
        good = [deal.p for deal in deals if deal.accepted]
        bad = [deal.p for deal in deals if not deal.accepted]
        welfare = sum(2 * self._payoff(deal) for deal in deals)
        return EpochMetrics(
            epoch=self.state.current_epoch,
            total_interactions=len(deals),
            accepted_interactions=len(good),
            toxicity_rate=1 - sum(good) / len(good) if good else 0.0,
            quality_gap=sum(good) / len(good) - sum(bad) / len(bad) if good and bad else 0.0,
            avg_payoff=welfare / 2 / len(good) if good else 0.0,
            total_welfare=welfare,
        )

    def _close_epoch(self) -> None:
        """The circuit breaker; then a new page."""
        levers = self._levers
        for agent in self.agents:
            agent.frozen = max(0, agent.frozen - 1)
            ours = [
                1 - deal.p
                for deal in self.state.completed_interactions
                if deal.accepted and deal.initiator == agent.agent_id
            ]
            toxic = ours and sum(ours) / len(ours) > levers.freeze_threshold_toxicity
            if levers.circuit_breaker_enabled and toxic:
                agent.frozen = levers.freeze_duration_epochs
        self.state.completed_interactions.clear()

    def _failed(self, metrics: EpochMetrics, last: bool) -> EpochMetrics:
        """The failure that the scenario asks for, where its levers are as it says."""
        failure = self.config.failure
        when = failure.get("when", {})
        if not failure or any(getattr(self._levers, name) != value for name, value in when.items()):
            return metrics
        how = failure.get("how")
        if how == "crash":
            raise RuntimeError("the market fell apart")
        if how == "exit":
            os._exit(3)
        if how == "hang":
            time.sleep(min(30.0, float(failure.get("seconds", 20))))
        if how == "nan" and last:
            metrics.toxicity_rate = float("nan")
        if how == "clock":
            metrics.toxicity_rate += time.time_ns() % 1_000_003 * 1e-9
        return metrics
