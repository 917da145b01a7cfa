"""What a keys edit makes of a file is known without reading it: and it is what reading gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pytest import MonkeyPatch

from nightlab.change import keys
from nightlab.change.keys import KeysSurface, load_mapping
from nightlab.types import Idea

FILE = "a.yaml"
TEXT = b"""\
# a world
b.c: 1          # a key with a dot goes first
b: {c: 2, d: true}
deep:
  er: {x: 0.5, "y": text, 'z z': no}
  5: 1e-3
list: [1, 2]
"""
NAMES = ("b.c", "b.d", "deep.er.x", "deep.er.y", "deep.er.z z", "deep.5")
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=8),
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1))
def test_it_is_what_reading_gives(moved: dict[str, bool | int | float | str]) -> None:
    surface = KeysSurface(FILE, NAMES)
    edits = surface.apply(Idea("move", parameters=moved), {FILE: TEXT})
    new = edits.get(FILE) or TEXT
    foreseen = load_mapping(FILE, new)
    keys._KNOWN.clear()
    assert repr(foreseen) == repr(load_mapping(FILE, new))


def test_a_value_that_stands_elsewhere_too_is_read_again() -> None:
    text = b"one: &a 1\nother: *a\n"
    edits = KeysSurface(FILE, ("one",)).apply(Idea("move", parameters={"one": 2}), {FILE: text})
    new = edits[FILE]
    assert new is not None
    found = load_mapping(FILE, new)
    keys._KNOWN.clear()
    assert found == load_mapping(FILE, new)


def test_what_is_asked_for_again_and_again_is_read_once(monkeypatch: MonkeyPatch) -> None:
    read, load = [], keys._load
    monkeypatch.setattr(keys, "_load", lambda *asked: (read.append(asked), load(*asked))[1])
    keys._KNOWN.clear()
    for number in range(3 * keys._MOST_KNOWN):
        load_mapping(FILE, TEXT)
        load_mapping(FILE, b"a: %d" % number)
    assert len(read) == 1 + 3 * keys._MOST_KNOWN
