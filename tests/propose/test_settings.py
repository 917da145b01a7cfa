"""Whose key names the proposer, and what goes together."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from nightlab.propose.settings import ProposeSettings


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "search"),
        ({"command": "./a.sh"}, "command"),
        ({"model": "m"}, "model"),
        ({"model": "m", "url": "http://localhost:1/v1"}, "model"),
        ({"agent": "claude"}, "agent"),
        ({"agent": "claude", "model": "m"}, "agent"),
        ({"agent": "claude", "model": "m", "url": "http://localhost:1/v1"}, "agent"),
    ],
)
def test_what_is_given_names_the_proposer(given: dict[str, str], name: str) -> None:
    assert ProposeSettings.model_validate(given).with_ == name


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"agent": "claude", "command": "x"}, "command and agent are proposers of their own"),
        ({"model": "m", "command": "x"}, "command and model are proposers of their own"),
        ({"with": "agent"}, "`with: agent` needs `agent: NAME`"),
    ],
)
def test_what_does_not_go_together_is_said(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ProposeSettings.model_validate(given)
