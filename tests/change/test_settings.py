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
        ({"files": ["a"], "within": ["b"]}, "`within` needs the file that it is about"),
        ({"keys": "p.yaml", "within": ["a"], "space": {"ab.c": A}}, "ab.c is in the space, and"),
        ({"keys": "p.yaml", "block": "a.py", "within": ["a"], "space": {"b.c": A}}, "b.c is in"),
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


def test_the_space_of_a_bounded_file_is_within() -> None:
    space = {"a.b": A, "C": A}
    given = settings(keys="p.yaml", block="a.py", within=["a"], space=space, one_mechanism=True)
    assert given.within == ("a",) and given.one_mechanism


def test_pinned_names_need_no_space() -> None:
    assert len(settings(files=["a.py"], pinned=["A"]).free()) == 0
