"""Settings changed by a machine: the new value is read back, and every other byte stays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from nightlab.program.document import parse_document
from nightlab.program.edit import with_settings
from nightlab.types import NightlabError

HEAD, TAIL = "# Título 😀\n\nProse.\n\n```yaml\n", "```\n\nMore.\n```policy\nx\n```\n"


def edited(yaml: str, **values: Any) -> str:
    """The yaml block after the edit; the rest of the document must be untouched."""
    paths = {name.replace("__", "."): value for name, value in values.items()}
    text = with_settings(HEAD + yaml + TAIL, paths)
    assert text.startswith(HEAD) and text.endswith(TAIL)
    inside = text[len(HEAD) : len(text) - len(TAIL)]
    data = YAML(typ="safe", pure=True).load(inside)
    for path, value in paths.items():
        section, _, key = path.partition(".")
        assert data[section][key] == value
    return inside


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("run: {a: 1, x: 2}  # c\n", "run: {a: 1, x: 9}  # c\n"),
        ("run: {x: 2 , a: 1}\n", "run: {x: 9 , a: 1}\n"),
        ("run:\n  x: 2   # c\n  a: 1\n", "run:\n  x: 9   # c\n  a: 1\n"),
        ("run:\n  'x': \"two\"\n", "run:\n  'x': 9\n"),
        ("run:\n  x: [1,\n      2]  # c\n", "run:\n  x: 9  # c\n"),
        ("run:\n  x:\n    - 1\n    - 2\n  # c\n  a: 1\n", "run:\n  x:\n    9\n  # c\n  a: 1\n"),
        ("run:\n  x:\n    y: 1\n    z: {}\n# c\nb: 1\n", "run:\n  x:\n    9\n# c\nb: 1\n"),
        ("run:\n  x: |\n    two\n    lines\n\n  # c\n  a: 1\n", "run:\n  x: 9\n\n  # c\n  a: 1\n"),
        ("run:\n  x: >-\n    two\n  a: 1\n", "run:\n  x: 9\n  a: 1\n"),
        ("run:\n  x:\n  a: 1\n", "run:\n  x: 9\n  a: 1\n"),
        ("run:\n  x:  # c\n  a: 1\n", "run:\n  x: 9  # c\n  a: 1\n"),
        ("run: {x: , a: 1}\n", "run: {x: 9 , a: 1}\n"),
        ("run: {x: &p 2, a: *p}\n", "run: {x: &p 9, a: *p}\n"),
        ("run: {a: &p 2, x: *p}\n", "run: {a: &p 2, x: 9}\n"),
        ("run: {x: !!str 2}\n", "run: {x: 9}\n"),
        ("run:\r\n  x: 2 # c\r\n  a: 1\r\n", "run:\r\n  x: 9 # c\r\n  a: 1\r\n"),
    ],
)
def test_a_value_is_replaced_and_nothing_else(before: str, after: str) -> None:
    assert edited(before, run__x=9) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("run: {a: 1}\n", "run: {x: 9, a: 1}\n"),
        ("run: {}\n", "run: {x: 9}\n"),
        ("run: {  # c\n  a: 1}\n", "run: {x: 9,   # c\n  a: 1}\n"),
        ("run: &p {a: 1}\n", "run: &p {x: 9, a: 1}\n"),
        ("run:\n  # c\n  a: 1\n  b: 2\n", "run:\n  # c\n  x: 9\n  a: 1\n  b: 2\n"),
        ("run:\n    a: 1\njudge: {}\n", "run:\n    x: 9\n    a: 1\njudge: {}\n"),
        ("judge: {}\n", "judge: {}\nrun: {x: 9}\n"),
        ("run:\njudge: {}\n", "run: {x: 9}\njudge: {}\n"),
        ("run: ~\n", "run: {x: 9}\n"),
        ("{judge: {a: 1}}\n", "{run: {x: 9}, judge: {a: 1}}\n"),
        ("# only a comment\n", "# only a comment\nrun: {x: 9}\n"),
        ("", "run: {x: 9}\n"),
    ],
)
def test_a_missing_key_is_put_where_its_section_is(before: str, after: str) -> None:
    assert edited(before, run__x=9) == after


def test_several_values_at_once() -> None:
    before = "run: {a: 1}\nstop:\n  trials: 5\n"
    after = edited(before, run__a="python x.py --y", stop__trials=7, stop__at="05:00", judge__k=[1])
    assert after == (
        'run: {a: "python x.py --y"}\nstop:\n  at: "05:00"\n  trials: 7\njudge: {k: [1]}\n'
    )


plain = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff"),
    max_size=20,
)


@given(st.one_of(plain, st.integers(), st.booleans(), st.none(), st.lists(plain, max_size=3)))
def test_any_value_is_read_back(value: Any) -> None:
    text = edited("run:\n  train: a  # c\n  b: 1\n", run__train=value, run__new=value)
    assert "  # c\n  b: 1\n" in text


@pytest.mark.parametrize("yaml", ["run: [1]\n", "run: text\n"])
def test_a_section_that_is_no_mapping_is_an_error(yaml: str) -> None:
    with pytest.raises(NightlabError, match="run is not a mapping"):
        with_settings(HEAD + yaml + TAIL, {"run.x": 1})


def test_a_program_without_a_yaml_block_is_an_error() -> None:
    with pytest.raises(NightlabError, match="no ```yaml block"):
        with_settings("# Title\n", {"run.x": 1})


def test_an_unclosed_block_is_edited_too() -> None:
    assert with_settings("```yaml\nrun: {x: 1}", {"run.x": 2}) == "```yaml\nrun: {x: 2}\n"


def test_nothing_changes_without_values() -> None:
    text = HEAD + "run: {x: 1}   # c\n" + TAIL
    assert with_settings(text, {}) == text
    assert parse_document(text).blocks[0].text == "run: {x: 1}   # c\n"
