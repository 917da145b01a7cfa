"""Any hosted model through LiteLLM, which knows the providers, their keys and their prices."""

from __future__ import annotations

import logging
import os
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # prices without a call of its own

import litellm

from nightlab.propose.model.chat import Answer, Conversation
from nightlab.propose.model.chat.failure import Failures
from nightlab.propose.model.chat.response import read_response, turns
from nightlab.propose.settings import ProposeSettings


class LiteChat:
    """`litellm.completion`, for a `model` as `provider/name`.

    Without `propose.key` LiteLLM takes the key from the provider's usual variable.
    """

    def __init__(self, settings: ProposeSettings, key: str) -> None:
        self.settings = settings
        self.key = key
        self.failures = Failures(settings, key)
        litellm.suppress_debug_info = True  # what it prints would spoil the live display
        logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)

    def ask(self, conversation: Conversation, seconds: float) -> Answer:
        try:
            response = litellm.completion(**self._request(conversation, seconds))
            return read_response(response, conversation, self.usd, _cost(response))
        except Exception as error:  # whatever a client of many servers may raise
            raise self.failures.told(error) from None

    def usd(self, input_tokens: int, output_tokens: int) -> float | None:
        try:
            per_side = litellm.cost_per_token(
                model=self.settings.model,
                prompt_tokens=input_tokens,
                completion_tokens=output_tokens,
            )
            return float(sum(per_side))
        except Exception:  # it raises one of several for a model that it doesn't know
            price = self.settings.price
            if price is None:
                return None
            return (input_tokens * price.input + output_tokens * price.output) / 1e6

    def _request(self, conversation: Conversation, seconds: float) -> dict[str, Any]:
        request = {
            **self.settings.options,
            "model": self.settings.model,
            "messages": turns(conversation),
            "timeout": seconds,
            "num_retries": 0,
            "max_retries": 0,
        }
        return {**request, "api_key": self.key} if self.key else request


def _cost(response: Any) -> float | None:
    """What LiteLLM says that a call cost, in USD; None for a model whose price it doesn't know."""
    hidden = getattr(response, "_hidden_params", None)
    cost = hidden.get("response_cost") if isinstance(hidden, dict) else None
    return float(cost) if isinstance(cost, (int, float)) else None
