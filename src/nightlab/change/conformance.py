"""What every surface must do: run `check_surface` on your own, in a test."""

from __future__ import annotations

from nightlab.change import Files, Refused, Surface
from nightlab.change.overlay import Overlay
from nightlab.types import Idea, Parameters


def check_surface(surface: Surface, files: Files, moved: Parameters) -> None:
    """Raise AssertionError where a surface breaks its contract.

    `moved` are parameters with values other than those in `files`; they may be empty for a surface
    without parameters.
    """
    before = {path: files[path] for path in files}
    values = surface.read(files)
    still = Idea("nothing moves", parameters={name: values[name] for name in moved})
    assert surface.apply(still, files) == {}, "the present values must change nothing"
    if moved:
        edits = surface.apply(Idea("move", parameters=moved), files)
        assert edits, "other values must change something"
        assert all(surface.owns(path) for path in edits), "it edited a file that it doesn't own"
        after = surface.read(Overlay(files, edits))
        assert all(after[n] == v for n, v in moved.items()), "a value that was set is not read back"
        same = [name for name in values if name not in moved]
        assert all(after[name] == values[name] for name in same), "another value has changed"
    outside = Idea("outside", files={"somewhere/else.txt": "x"})
    assert not surface.owns("somewhere/else.txt")
    try:
        edits = surface.apply(outside, files)
    except Refused:
        edits = {}
    assert "somewhere/else.txt" not in edits, "it took an edit outside itself"
    assert before == {path: files[path] for path in files}, "it changed the files it was given"
