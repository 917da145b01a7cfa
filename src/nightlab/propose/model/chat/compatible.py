"""Any server that speaks OpenAI's chat completions, by its URL: Ollama, vLLM, llama.cpp."""

from __future__ import annotations

from typing import Any

import openai

from nightlab.propose.model.chat import Answer, Conversation
from nightlab.propose.model.chat.failure import Failures
from nightlab.propose.model.chat.response import read_response, turns
from nightlab.propose.settings import ProposeSettings

_NO_KEY = "none"
"""Sent where no key is named: most servers of one's own want some, and look at none."""


class CompatibleChat:
    """OpenAI's own client, pointed at `propose.url`.

    The only key that is sent is the one that `propose.key` names: what OPENAI_API_KEY holds is for
    OpenAI, and not for whatever listens at a URL.
    """

    def __init__(self, settings: ProposeSettings, key: str) -> None:
        self.settings = settings
        self.failures = Failures(settings, key)
        self.client: Any = openai.OpenAI(
            base_url=settings.url,
            api_key=key or _NO_KEY,
            max_retries=0,
            organization="",
            project="",
        )

    def ask(self, conversation: Conversation, seconds: float) -> Answer:
        try:
            response = self.client.chat.completions.create(
                model=self.settings.model or "",
                messages=turns(conversation),
                timeout=seconds,
                extra_body=self.settings.options,
            )
            return read_response(response, conversation, self.usd)
        except Exception as error:  # whatever a client of a server may raise
            raise self.failures.told(error) from None

    def usd(self, input_tokens: int, output_tokens: int) -> float | None:
        price = self.settings.price
        if price is None:
            return None
        return (input_tokens * price.input + output_tokens * price.output) / 1e6
