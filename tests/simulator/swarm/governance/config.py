"""The levers of the market, and which values they take."""

from __future__ import annotations

from pydantic import BaseModel, model_validator

_SHARES = (
    "transaction_tax_rate",
    "reputation_decay_rate",
    "audit_probability",
    "audit_threshold_p",
    "freeze_threshold_toxicity",
    "moderator_threshold_p",
)


class GovernanceConfig(BaseModel):
    """Every lever; toggles stand before their parameters."""

    transaction_tax_rate: float = 0.0
    reputation_decay_rate: float = 1.0
    bandwidth_cap: int = 10
    staking_enabled: bool = False
    min_stake_to_participate: float = 0.0
    circuit_breaker_enabled: bool = False
    freeze_threshold_toxicity: float = 0.7
    freeze_duration_epochs: int = 2
    audit_enabled: bool = False
    audit_probability: float = 0.1
    audit_threshold_p: float = 0.5
    incoherence_friction_enabled: bool = False
    incoherence_friction_rate: float = 0.05
    moderator_enabled: bool = False
    moderator_threshold_p: float = 0.5

    @model_validator(mode="after")
    def _check_values(self) -> GovernanceConfig:
        for name in _SHARES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be in [0, 1]")
        for name in ("bandwidth_cap", "min_stake_to_participate", "incoherence_friction_rate"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be non-negative")
        if self.freeze_duration_epochs < 1:
            raise ValueError("freeze_duration_epochs must be >= 1")
        return self
