"""What a deal is worth: the world, not a lever."""

from __future__ import annotations

from pydantic import BaseModel, Field


class PayoffConfig(BaseModel):
    """The surplus of a good deal, and the loss by a bad one."""

    s_plus: float = Field(2.0, ge=0)
    s_minus: float = Field(1.0, ge=0)
