"""Asking a proposer, who may be anybody's code."""

from __future__ import annotations

from collections.abc import Callable

from nightlab.propose import NothingToPropose
from nightlab.types import Idea, NightlabError, one_line


def ask(question: Callable[[], Idea]) -> Idea:
    """The idea that it has. Raises NothingToPropose, and NightlabError for whatever goes wrong."""
    try:
        idea = question()
        if not isinstance(idea, Idea):
            raise TypeError(f"it proposed {type(idea).__name__}, where an Idea is needed")
    except (NothingToPropose, NightlabError):
        raise
    except Exception as error:  # a proposer may be anybody's code
        what = one_line(f"{type(error).__name__}: {error}")
        raise NightlabError(f"the proposer failed: {what}") from error
    return idea
