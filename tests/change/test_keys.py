"""The keys surface: a value at a dotted path changes, and every other byte stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.change import Refused
from nightlab.change.conformance import check_surface
from nightlab.change.keys import KeysSurface, flatten, format_scalar, load_mapping
from nightlab.types import Idea, NightlabError, Value

YAML = """\
# Größe 😀
rate: 0.10      # per step
"quoted key": 'single'
market:
    fee: 1e-3
    deep: {on: true, "x.y": "ü" , list: [1, 2]}
    # c
    text: plain words here
big.one: 1_000
"""
VALUES: dict[str, Value] = {
    "rate": 0.1,
    "quoted key": "single",
    "market.fee": 1e-3,
    "market.deep.on": True,
    "market.deep.x.y": "ü",
    "market.text": "plain words here",
    "big.one": 1000,
}


def moved(text: str, values: dict[str, Value], file: str = "p.yaml") -> str:
    surface = KeysSurface(file, tuple(values))
    content = text.encode()
    edits = surface.apply(Idea("x", parameters=values), {file: content})
    return (edits.get(file, content) or b"").decode()


def read(text: str, *names: str, file: str = "p.yaml") -> dict[str, Value]:
    return KeysSurface(file, names).read({file: text.encode()})


def test_sections_that_may_be_edited_are_there() -> None:
    files = {"p.yaml": YAML.encode()}
    for within in ("market", "market.deep", "market.deep.x.y", "rate", "big.one"):
        assert KeysSurface("p.yaml", (), (within,)).read(files) == VALUES
    for within in ("markt", "market.dep", "rate.more", "deep"):
        with pytest.raises(NightlabError, match=rf"change\.within: {within} is not in p\.yaml"):
            KeysSurface("p.yaml", (), ("market", within)).read(files)


def test_every_scalar_by_its_path() -> None:
    assert read(YAML) == VALUES
    assert read(YAML, "market.fee") == {"market.fee": 1e-3}


@pytest.mark.parametrize(
    ("name", "value", "before", "after"),
    [
        ("rate", 0.25, "rate: 0.10      # per", "rate: 0.25      # per"),
        ("rate", 1e-7, "rate: 0.10      # per", "rate: 1.0e-07      # per"),
        ("quoted key", "double", "'single'", '"double"'),
        ("market.fee", 2, "fee: 1e-3\n", "fee: 2\n"),
        ("market.deep.on", False, "{on: true, ", "{on: false, "),
        ("market.deep.x.y", 'ö"\\', '"ü" , ', '"ö\\"\\\\" , '),
        ("market.text", "yes", "plain words here", '"yes"'),
        ("big.one", 2000, "1_000", "2000"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_one_value_moves(
    name: str, value: Value, before: str, after: str, line_end: str, start: str
) -> None:
    text = start + YAML.replace("\n", line_end)
    before, after = before.replace("\n", line_end), after.replace("\n", line_end)
    assert text.count(before) == 1
    assert moved(text, {name: value}) == text.replace(before, after)


JSON = '{\n\t"a": {"b.c": 1, "d":"x"},\r\n  "e":2.50 , "f": [1]}'


@pytest.mark.parametrize(
    ("name", "value", "before", "after"),
    [
        ("a.b.c", 7, '"b.c": 1', '"b.c": 7'),
        ("a.d", "é", '"d":"x"', '"d":"é"'),
        ("e", 1e-9, ":2.50 ,", ":1.0e-09 ,"),
        ("e", True, ":2.50 ,", ":true ,"),
    ],
)
def test_one_value_of_json_moves(name: str, value: Value, before: str, after: str) -> None:
    made = moved(JSON, {name: value}, "p.json")
    assert made == JSON.replace(before, after)
    assert flatten(json.loads(made))[name] == value


values = st.one_of(
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=12),
)
words = st.text(st.characters(categories=["L", "N", "S"]), max_size=8)


@given(values, values, words, st.sampled_from(["block", "flow", "json"]))
def test_any_value_is_read_back_and_every_other_byte_stays(
    old: Value, new: Value, word: str, style: str
) -> None:
    form = {
        "block": "# %W\nq: '%W'\na:\n    b:  %V   # %W\n    c: 3\n",
        "flow": '{q: "%W", a: {b: %V , c: 3}}  # %W\n',
        "json": '{"q": "%W", "a": {"b": %V, "c": 3}}',
    }[style]
    word = word.replace("\\", "")
    before, after = (
        form.replace("%V", format_scalar(value)).replace("%W", word) for value in (old, new)
    )
    if "%" in word:
        return
    made = moved(before, {"a.b": new})
    same = type(old) is type(new) and old == new
    assert made == (before if same else after)
    found = read(made, "a.b", "a.c")
    assert (type(found["a.b"]), found["a.b"], found["a.c"]) == (type(new), new, 3)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-07, "1.0e-07"), (1.5e-07, "1.5e-07"), (1e16, "1.0e+16"), (0.1, "0.1"), ("1e-7", '"1e-7"')],
)
def test_small_numbers_are_numbers_to_yaml_1_1_too(value: Value, text: str) -> None:
    assert format_scalar(value) == text
    assert json.loads(text) == value


@pytest.mark.parametrize(
    ("text", "values", "after"),
    [
        ("a: &p 1\nb: 2\n", {"a": 5}, "a: &p 5\nb: 2\n"),
        ("a: &p 1\nb: *p\n", {"b": 5}, "a: &p 1\nb: 5\n"),
        ("a: &p 1\nb: [*p]\nc: {d: *p }\n", {"c.d": 5}, "a: &p 1\nb: [*p]\nc: {d: 5 }\n"),
        ("a: !!str 1\n", {"a": "x"}, 'a: "x"\n'),
        ("a: |\n  two\n  lines\n\nb: 1\n", {"a": "x"}, 'a: "x"\n\nb: 1\n'),
        ("a: two\n  lines\nb: 1\n", {"a": "x"}, 'a: "x"\nb: 1\n'),
        ("a: ''\n", {"a": "x"}, 'a: "x"\n'),
        ("a.b: 1\na: {b: 2}\n", {"a.b": 9}, "a.b: 9\na: {b: 2}\n"),
        ("a: {b: 2}\na.b: 1\n", {"a.b": 9}, "a: {b: 2}\na.b: 9\n"),
        ("a: {b.c: 1}\na.b: {c: 2}\n", {"a.b.c": 9}, "a: {b.c: 9}\na.b: {c: 2}\n"),
        ("? a\n: 1\n", {"a": 5}, "? a\n: 5\n"),
        ("--- # c\na: 1\n...\n", {"a": 5}, "--- # c\na: 5\n...\n"),
        ("a: 1", {"a": 5}, "a: 5"),
    ],
)
def test_the_odder_parts_of_yaml(text: str, values: dict[str, Value], after: str) -> None:
    assert moved(text, values) == after
    assert read(after, *values) == values


@pytest.mark.parametrize("text", ["a.b: 1\na: {b: 2}\n", "a: {b: 2}\na.b: 1\n"])
def test_a_key_that_holds_a_dot_goes_before_a_nested_one(text: str) -> None:
    assert read(text) == {"a.b": 1}


def test_two_parameters_that_are_one_value_are_an_error() -> None:
    text = "a: &p 1\nb: *p\nc: 2\n"
    with pytest.raises(NightlabError, match=r"a and b are one value in p\.yaml, by an anchor"):
        read(text, "a", "b")
    assert read(text, "a", "c") == {"a": 1, "c": 2}


def test_it_is_a_surface() -> None:
    moves: dict[str, Value] = {"rate": 0.5, "market.deep.x.y": "z", "big.one": 3}
    check_surface(KeysSurface("p.yaml", tuple(VALUES)), {"p.yaml": YAML.encode()}, moves)
    check_surface(KeysSurface("p.json", ("e",)), {"p.json": JSON.encode()}, {"e": 1.0})
    check_surface(KeysSurface("p.yaml"), {"p.yaml": YAML.encode()}, {})


def test_present_values_and_names_of_others_change_nothing() -> None:
    surface = KeysSurface("p.yaml", ("rate",))
    idea = Idea("x", parameters={"rate": 0.1, "market.fee": 5})
    assert surface.apply(idea, {"p.yaml": YAML.encode()}) == {}


@pytest.mark.parametrize("name", ["nothing", "market", "market.deep.list", "market.fee.x"])
def test_a_path_that_is_no_value_is_refused(name: str) -> None:
    with pytest.raises(Refused, match=rf"{name} is not set in p\.yaml"):
        moved(YAML, {name: 1})


@pytest.mark.parametrize("text", ["a:\nb: 1\n", "a: 2001-01-01\nb: 1\n"])
def test_an_empty_value_or_a_date_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="a is not set"):
        moved(text, {"a": 1})


def test_whole_file_edits_and_deletions_are_refused() -> None:
    surface = KeysSurface("p.yaml", ("rate",))
    for new in (YAML, None):
        with pytest.raises(Refused, match="only be changed through its parameters"):
            surface.apply(Idea("x", files={"p.yaml": new}), {"p.yaml": YAML.encode()})
    with pytest.raises(Refused, match="may not be deleted"):
        surface.apply(Idea("x", parameters={"rate": 1.0}), {})


def test_a_missing_file_or_name_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(NightlabError, match=r"p\.yaml is not committed"):
        KeysSurface("p.yaml").read({})
    with pytest.raises(NightlabError, match=r'did you mean "market\.fee"'):
        read(YAML, "market.fees")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"- 1\n", "must be a mapping"),
        (b"", "must be a mapping"),
        (b"a: [\n", "p.yaml is not valid: .*in line 2"),
        (b"a: 1\na: 2\n", "duplicate key"),
        (b"a: 2001-13-45\n", "month must be"),
        (b"a: \xff\n", "is not valid"),
    ],
)
def test_a_file_that_holds_no_values_is_an_error(content: bytes, said: str) -> None:
    with pytest.raises(NightlabError, match=said):
        load_mapping("p.yaml", content)


def test_the_whole_mapping_as_plain_data() -> None:
    data: dict[str, Any] = load_mapping("p.yaml", YAML.encode())
    assert data["market"]["deep"]["list"] == [1, 2]
