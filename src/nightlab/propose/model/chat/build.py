"""From the settings to a client: a server of one's own by its URL, all others through LiteLLM."""

from __future__ import annotations

import os
import re

from nightlab.propose.model.chat import Chat
from nightlab.propose.settings import ProposeSettings
from nightlab.types import NightlabError

_OURS = {"model", "messages", "stream", "api_key", "base_url", "api_base", "timeout"}
_MEND = "pip install 'nightlab[agents]'"


def build_chat(settings: ProposeSettings) -> Chat:
    """The client that the settings ask for. Raises NightlabError where it can't be had."""
    taken = sorted(_OURS & settings.options.keys())
    if taken:
        mend = "`propose` has keys of its own for model, url, key and time"
        raise NightlabError(f"propose.options: {', '.join(taken)} can't be given here: {mend}")
    if settings.url and not re.match(r"https?://[^/]", settings.url):
        raise NightlabError(
            "propose.url: it begins with http:// or https://, and mostly ends in /v1"
        )
    key = _key(settings.key)
    try:
        if settings.url:
            from nightlab.propose.model.chat.compatible import CompatibleChat

            return CompatibleChat(settings, key)
        from nightlab.propose.model.chat.lite import LiteChat

        return LiteChat(settings, key)
    except ImportError as error:
        package = error.name or "a package"
        raise NightlabError(f"propose.model: {package} is not installed: {_MEND}") from error


def _key(variable: str | None) -> str:
    """The key in that variable, "" where none is named. What is named may be the key itself."""
    if variable is None:
        return ""
    key = os.environ.get(variable, "").strip()
    if key:
        return key
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,40}", variable):
        mend = "it takes the name of a variable, as OPENAI_API_KEY, never the key itself"
        raise NightlabError(f"propose.key: there is no such variable: {mend}")
    mend = f'`export {variable}="..."` before `nightlab run`'
    raise NightlabError(f"propose.key: the variable {variable} is not set: {mend}")
