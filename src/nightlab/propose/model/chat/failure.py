"""From what a client raises to what Nightlab does about it, without a key in any word of it."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from nightlab.propose.model.chat import Busy, NoAnswer, Rejected, TooLate
from nightlab.propose.secrets import masked
from nightlab.propose.settings import ProposeSettings
from nightlab.types import NightlabError, one_line

_READ = 2000
_AGAIN = {408, 409, 425, 429}


class Failures:
    """Reads the errors of one model's client. LiteLLM's are OpenAI's, and have their attributes."""

    def __init__(self, settings: ProposeSettings, key: str) -> None:
        self.settings = settings
        self.key = key

    def told(self, error: Exception) -> Exception:
        """The failure that an error means: a NoAnswer, or a NightlabError that says the mend."""
        if isinstance(error, NoAnswer):
            return error
        said = without_secrets(str(error), self.key)
        status = _status(error)
        names = {each.__name__ for each in type(error).__mro__}
        if "APITimeoutError" in names:
            return TooLate("the model did not answer in time")
        if status == 402 or (status == 429 and "insufficient_quota" in str(error)):
            return NightlabError(f"propose.model: {self._server} gives no more credit: {said}")
        if status in (401, 403):
            return NightlabError(self._wrong_key(status))
        if status == 404:
            return NightlabError(f"{self._no_such_model()}: {said}")
        if status in _AGAIN or (status or 0) >= 500 or "APIConnectionError" in names:
            return Busy(self._failing(status, said), wait_asked(error), limited=status == 429)
        if status is not None and 400 <= status < 500:
            mend = "see propose.options, or lower propose.brief"
            return Rejected(f"the server rejected the request ({status}; {mend}): {said}")
        return NoAnswer(f"the server's response can't be read: {said or type(error).__name__}")

    @property
    def _server(self) -> str:
        """Where it is asked, without a password that the URL may hold."""
        if not self.settings.url:
            return "the provider"
        parts = urlsplit(self.settings.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def _wrong_key(self, status: int) -> str:
        variable = self.settings.key
        if variable:
            return f"propose.key: {self._server} refuses the key in {variable} ({status})"
        if self.settings.url:
            mend = "name the variable that holds its key, as `key: MY_API_KEY`"
            return f"propose.key: {self._server} wants a key ({status}): {mend}"
        provider = (self.settings.model or "").partition("/")[0].upper()
        mend = f"set {provider}_API_KEY, or name another variable as propose.key"
        return f"propose.key: the provider refuses the key, or there is none ({status}): {mend}"

    def _no_such_model(self) -> str:
        what = f"{self._server} has no model {self.settings.model!r} (404)"
        if not self.settings.url:
            return f"propose.model: {what}"
        return f"propose.model: {what}, or propose.url is not its base, which mostly ends in /v1"

    def _failing(self, status: int | None, said: str) -> str:
        if status is None:
            return f"{self._server} can't be reached: {said}"
        what = "too many calls" if status == 429 else "it fails"
        return f"{self._server}: {what} ({status}): {said}"


def without_secrets(text: str, key: str = "") -> str:
    """A server's words on one line, less keys: servers like to repeat what they were sent."""
    return one_line(masked(text[:_READ], [key]), 240)


def wait_asked(error: Any) -> float | None:
    """The seconds that a server wants us to wait, from its `retry-after`: seconds, or a date."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    headers = getattr(error, "litellm_response_headers", None) or headers
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        asked = str(headers.get("retry-after", "")).strip()
        if re.fullmatch(r"\d+(\.\d*)?", asked):
            return float(asked)
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except (AttributeError, TypeError, ValueError):
        return None


def _status(error: Any) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) and not isinstance(status, bool) else None
