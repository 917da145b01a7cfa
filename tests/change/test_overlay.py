"""Files with edits on top."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.change.overlay import Overlay

names = st.sampled_from("abcd")
contents = st.binary(max_size=2)


@given(st.dictionaries(names, contents), st.dictionaries(names, st.none() | contents))
def test_an_overlay_is_the_files_after_the_edits(
    files: dict[str, bytes], edits: dict[str, bytes | None]
) -> None:
    expected = {**files, **edits}
    expected = {path: content for path, content in expected.items() if content is not None}
    overlay = Overlay(files, edits)
    assert dict(overlay) == expected
    assert len(overlay) == len(expected)
    for name in "abcd":
        assert (name in overlay) == (name in expected)
        assert overlay.get(name) == expected.get(name)


def test_a_deleted_file_is_not_there() -> None:
    with pytest.raises(KeyError):
        Overlay({"a": b""}, {"a": None})["a"]
