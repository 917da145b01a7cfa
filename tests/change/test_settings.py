"""The change: section of program.md."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from nightlab.change.settings import ChangeSettings

A = {"type": "int", "low": 1, "high": 3}


def settings(**given: Any) -> ChangeSettings:
    return ChangeSettings.model_validate(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "nothing may change; name `files`, `block` or `keys`"),
        ({"files": [], "space": {}}, "nothing may change"),
        ({"files": ["a.py"], "space": {"A": A}}, "`space` needs a place for its values"),
        ({"block": "a.py", "space": {"A": A}, "pinned": ["A", "B"]}, "not in the space: B"),
        ({"block": "a.py", "space": {"A": {**A, "when": {"AA": 1}}}}, 'did you mean "A"?'),
        ({"block": "/etc/a.py"}, "must be a path inside the study"),
        ({"keys": "a/../../b.yaml"}, "must be a path inside the study"),
        ({"block": "program.md"}, "program.md is the human's"),
        ({"files": ["a"], "scope": "everything"}, "'architecture', 'hyperparameters'"),
        ({"files": ["a"], "branch": "a/b"}, "should match pattern"),
        ({"files": ["a"], "branch": "-x"}, "should match pattern"),
    ],
)
def test_what_makes_no_sense_is_explained(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**given)
    assert said in str(caught.value)


def test_what_search_may_move() -> None:
    given = settings(
        block="a.py",
        space={"A": {**A, "tags": ["optimizer"]}, "B": {**A, "tags": ["optimizer"]}, "C": A},
        pinned=["B"],
        scope="optimizer",
    )
    assert list(given.free().parameters) == ["A"]


def test_pinned_names_need_no_space() -> None:
    assert len(settings(files=["a.py"], pinned=["A"]).free()) == 0
